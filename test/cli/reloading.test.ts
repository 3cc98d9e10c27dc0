/** What the supervisor's process does with a change: in which order, and again where a broadcast is lost. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Supervisor } from "@fieldpost/supervisor";
import { expect, onTestFinished, test, vi } from "vitest";
import { startReloading } from "../../server/src/cli/reloading.ts";
import { readConfigText, type ConfigText } from "../../server/src/config/file.ts";
import { loadServeConfig } from "../../server/src/config/load.ts";
import { parseConfigFile } from "../../server/src/config/parse-file.ts";
import type { ServeConfig } from "../../server/src/config/serve-config.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { readWorkerSettings, type ConfigRevision } from "../../server/src/worker/settings.ts";

type Step =
  | {
      readonly update: {
        readonly revision: number;
        readonly maxDepth: number;
        readonly drainTimeoutMs: number;
        readonly workers: number;
      };
    }
  | { readonly broadcast: { readonly revision: number; readonly maxDepth: number } };

test("first those that start later have it, then those that run; and it is announced again and again", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const dir = mkdtempSync(join(tmpdir(), "fieldpost-test-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "f.yaml");
  writeFileSync(path, "max_depth: 1\n");
  const steps: Step[] = [];
  let look = (): void => {};
  const supervisor = {
    update({ env, drainTimeoutMs = 0, workers }) {
      const { revision, config } = readWorkerSettings({ ...env });
      const { maxDepth } = config;
      steps.push({ update: { revision, maxDepth, drainTimeoutMs, workers: Number(workers) } });
    },
    broadcast(topic, payload) {
      const { revision, config } = JSON.parse(payload) as ConfigRevision;
      expect(topic).toBe("config");
      steps.push({ broadcast: { revision, maxDepth: config.maxDepth } });
      look();
    },
  } as Pick<Supervisor, "update" | "broadcast"> as Supervisor;
  const text = await readConfigText(path);
  const load = (found: ConfigText): { config: ServeConfig; overridden: string[] } => ({
    config: loadServeConfig({}, {}, parseConfigFile(found.kind === "text" ? found.text : "", "f.yaml")),
    overridden: [],
  });
  const { config } = load(text);
  const reloading = startReloading({
    source: { path, text, load },
    config,
    settings: { config, revision: 1, instance: "test" },
    supervisor,
    log: createLogger({ level: "info", name: "test", destination: { write: () => {} } }),
  });
  onTestFinished(() => reloading.stop());
  const nextBroadcast = (): Promise<void> => new Promise((resolve) => void (look = resolve));

  await vi.advanceTimersByTimeAsync(10_000);
  expect(steps).toEqual([]);
  for (const depth of [2, 3]) {
    writeFileSync(path, `max_depth: ${depth}\ndrain_timeout: ${depth}s\nworkers: ${depth}\n`);
    const announced = nextBroadcast();
    reloading.reload();
    await announced;
    expect(steps.splice(0)).toEqual([
      { update: { revision: depth, maxDepth: depth, drainTimeoutMs: depth * 1000, workers: depth } },
      { broadcast: { revision: depth, maxDepth: depth } },
    ]);
  }
  await vi.advanceTimersByTimeAsync(10_000);
  expect(steps.splice(0)).toEqual(
    Array.from({ length: 5 }, () => ({ broadcast: { revision: 3, maxDepth: 3 } })),
  );
  reloading.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(steps).toEqual([]);
});
