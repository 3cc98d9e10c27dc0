/** What becomes of a changed file: real files, a log that is read, and an `apply` that is looked at. */
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfigText } from "../../server/src/config/file.ts";
import { loadServeConfig, overriddenSettings, type Flags } from "../../server/src/config/load.ts";
import { parseConfigFile } from "../../server/src/config/parse-file.ts";
import { Reloader } from "../../server/src/config/reloader.ts";
import type { ServeConfig } from "../../server/src/config/serve-config.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly cause?: string;
  readonly changed?: readonly { readonly option: string }[];
  readonly problems?: readonly string[];
  readonly overridden?: readonly string[];
  readonly restart?: unknown;
}

interface Setting {
  readonly path: string;
  readonly applied: readonly ServeConfig[];
  readonly lines: readonly Line[];
  readonly reloader: Reloader;
  write(text: string): void;
  /** The next line that was not asked for yet. */
  line(): Promise<Line>;
}

async function start(text: string, flags: Flags = {}): Promise<Setting> {
  const dir = mkdtempSync(join(tmpdir(), "fieldpost-test-"));
  const path = join(dir, "f.yaml");
  writeFileSync(path, text);
  const lines: Line[] = [];
  let asked = 0;
  let look = (): void => {};
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as Line);
    look();
  };
  const applied: ServeConfig[] = [];
  const found = await readConfigText(path);
  const load = (read: typeof found): { config: ServeConfig; overridden: string[] } => {
    const file =
      read.kind === "text"
        ? parseConfigFile(read.text, "f.yaml")
        : { settings: new Map<string, never>(), problems: [read.problem] };
    return { config: loadServeConfig(flags, {}, file), overridden: overriddenSettings(flags, {}, file) };
  };
  const { config } = load(found);
  const reloader = new Reloader({
    source: { path, text: found, load },
    config,
    apply: (changed) => void applied.push(changed),
    log: createLogger({ level: config.logLevel, name: "test", destination: { write } }),
  });
  reloader.start();
  onTestFinished(() => {
    reloader.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    path,
    applied,
    lines,
    reloader,
    write: (changed) => writeFileSync(path, changed),
    line: () =>
      new Promise((resolve) => {
        look = () => {
          const next = lines[asked];
          if (next === undefined) return;
          asked++;
          look = () => {};
          resolve(next);
        };
        look();
      }),
  };
}

test("a valid change is applied and said once", async () => {
  const setting = await start("max_body: 1MiB\n");
  setting.write("max_body: 2MiB\nretry_jitter: none\n");
  expect(await setting.line()).toMatchObject({
    level: "info",
    msg: "configuration changed",
    cause: "the file changed",
    changed: [
      { option: "max_body", from: "1MiB", to: "2MiB" },
      { option: "retry_jitter", from: "full", to: "none" },
    ],
  });
  expect(setting.applied).toHaveLength(1);
  expect(setting.applied[0]).toMatchObject({ maxBodyBytes: 2_097_152, retryPolicy: { jitter: "none" } });
});

test("an invalid change is refused whole, with everything that is wrong; the next valid one is applied", async () => {
  const setting = await start("max_body: 1MiB\n");
  setting.write("max_body: 2MiB\nmax_depth: many\nwrokers: 2\n");
  expect(await setting.line()).toMatchObject({
    level: "error",
    msg: "configuration refused; the old one stays in force",
    problems: [
      "f.yaml:3:1: wrokers: there is no such key; did you mean workers?",
      'f.yaml:2:12: max_depth: "many" is not a whole number from 1 to 1,000,000,000',
    ],
  });
  expect(setting.applied).toEqual([]);
  setting.write("max_body: 3MiB\n");
  expect((await setting.line()).changed).toEqual([{ option: "max_body", from: "1MiB", to: "3MiB" }]);
});

test("what needs a restart is named, and the rest is applied", async () => {
  const setting = await start("pid_file: a\n");
  setting.write("pid_file: b\nmax_depth: 5\nstore: other.db\n");
  expect((await setting.line()).changed).toEqual([{ option: "max_depth", from: "1000000", to: "5" }]);
  expect(await setting.line()).toMatchObject({
    level: "warn",
    msg: "needs a restart: store (still ./fieldpost.db, not other.db), pid_file (still a, not b)",
  });
  expect(setting.applied).toHaveLength(1);
  expect(setting.applied[0]).toMatchObject({ pidFile: "a", store: "./fieldpost.db", maxDepth: 5 });
  // It is said again until it is so.
  await setting.reloader.reload("SIGHUP");
  expect(await setting.line()).toMatchObject({ cause: "SIGHUP", level: "warn" });
  setting.write("pid_file: a\nmax_depth: 5\n");
  expect(await setting.line()).toMatchObject({ msg: "configuration read again; nothing to change" });
});

test("SIGHUP reads at once, and says what came of it each time", async () => {
  const setting = await start("max_depth: 1\n");
  setting.write("max_depth: 2\n");
  await setting.reloader.reload("SIGHUP");
  expect(await setting.line()).toMatchObject({ msg: "configuration changed", cause: "SIGHUP" });
  await setting.reloader.reload("SIGHUP");
  expect(await setting.line()).toMatchObject({ msg: "configuration read again; nothing to change" });
  setting.write("max_depth: x\n");
  for (let time = 0; time < 2; time++) {
    await setting.reloader.reload("SIGHUP");
    expect(await setting.line()).toMatchObject({ level: "error", cause: "SIGHUP" });
  }
  // The watcher comes later to what SIGHUP has read already, and has nothing to add.
  setting.write("max_depth: 3\n");
  expect(await setting.line()).toMatchObject({ cause: "the file changed", changed: [{ to: "3" }] });
  expect(setting.lines).toHaveLength(5);
});

test("several at the same time end with what the file holds", async () => {
  const setting = await start("max_depth: 1\n");
  const turns: Promise<void>[] = [];
  for (let depth = 2; depth < 40; depth++) {
    setting.write(`max_depth: ${depth}\n`);
    turns.push(setting.reloader.reload("SIGHUP"));
    await Promise.resolve();
  }
  await Promise.all(turns);
  expect(setting.applied.at(-1)?.maxDepth).toBe(39);
});

test("a file that stays away is said, and changes nothing", async () => {
  const setting = await start("max_depth: 1\n");
  unlinkSync(setting.path);
  await setting.reloader.reload("SIGHUP");
  expect(await setting.line()).toMatchObject({
    level: "warn",
    msg: "the configuration file is gone; the configuration stays as it is",
  });
  setting.write("max_depth: 1\n");
  expect(await setting.line()).toMatchObject({ msg: "configuration read again; nothing to change" });
  expect(setting.applied).toEqual([]);
});

test("an empty file sets nothing: every option has its default again", async () => {
  const setting = await start("max_depth: 1\nmax_body: 2MiB\n");
  setting.write("");
  expect((await setting.line()).changed).toEqual([
    { option: "max_depth", from: "1", to: "1000000" },
    { option: "max_body", from: "2MiB", to: "1MiB" },
  ]);
});

test("what a flag overrides is said to have no effect", async () => {
  const setting = await start("max_depth: 1\n", { "max-depth": "7" });
  setting.write("max_depth: 2\n");
  expect(await setting.line()).toMatchObject({
    msg: "configuration read again; nothing to change",
    overridden: ["max_depth (flag --max-depth)"],
  });
});

test("a change of the log's level is said with whichever level says more", async () => {
  const setting = await start("log_level: info\n");
  setting.write("log_level: error\n");
  expect((await setting.line()).changed).toEqual([{ option: "log_level", from: "info", to: "error" }]);
  setting.write("log_level: error\nmax_depth: 2\n");
  // Not seen: then the next line is that of the next change.
  await setting.reloader.reload("SIGHUP");
  setting.write("log_level: info\nmax_depth: 2\n");
  expect((await setting.line()).changed).toEqual([{ option: "log_level", from: "error", to: "info" }]);
  expect(setting.applied).toHaveLength(3);
});
