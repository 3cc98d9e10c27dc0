// The bench itself, as people run it: that what it says is measured is there, and that a slow disk is slow.
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { Measurement } from "./measure.ts";

interface Report {
  fsyncMs: Record<string, number>;
  subjects: { label: string; rounds: Measurement[]; ratios: { to: string; "acknowledged/s": number[] }[] }[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const delayMs = 20;
const { error: noCompiler } = spawnSync("cc", ["--version"]);
const isSkipped = noCompiler !== undefined && process.env["CI"] !== "true";
if (isSkipped)
  console.log(`skipped: the bench with slow fsyncs, as there is no C compiler: ${noCompiler.message}`);

async function runBench(args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)("npm", ["run", "--silent", "bench", "--", ...args], { cwd: root });
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test.skipIf(isSkipped)(
  "one call at a time waits for every slow fsync; each process is measured; threads are profiled",
  async () => {
    const folder = makeFolder();
    const args = ["fieldpost", "--rounds", "1", "--jobs", "30", "--warmup", "5", "--concurrency", "1"];
    const oneEach = ["--connections", "1", "--workers", "1", "--chain-processes", "same"];
    const { stdout } = await runBench([
      ...[...args, ...oneEach, "--fsync-delay", `0ms,${delayMs}ms`, "--profile", folder, "--json"],
    ]);
    const { fsyncMs, subjects } = JSON.parse(stdout) as Report;
    expect(fsyncMs[`+${delayMs}ms`]).toBeGreaterThanOrEqual(delayMs);
    expect(subjects.map(({ label }) => label)).toEqual([
      "chain 1",
      "fieldpost 1",
      `chain 1 +${delayMs}ms`,
      `fieldpost 1 +${delayMs}ms`,
    ]);
    for (const { label, rounds, ratios } of subjects) {
      const [measured] = rounds;
      expect({ label, ...measured }).toMatchObject({
        label,
        lost: 0,
        repeats: 0,
        loopDelayP99Ms: expect.any(Number),
      });
      // An answer is durable: it can never come in less than an fsync takes.
      if (label.includes("+")) {
        expect(measured!.acknowledgedPerSecond).toBeLessThanOrEqual(1000 / delayMs);
        const undelayed = ratios.find(({ to }) => to === "without the fsync delay");
        expect(undelayed!["acknowledged/s"][0]).toBeLessThan(1);
      }
      for (const of of measured!.processes) {
        if (of.isWorker) expect(of.loopDelayMaxMs).toBeGreaterThanOrEqual(of.loopDelayP99Ms);
        expect(of.rssMiB).toBeGreaterThan(10);
        expect(of.peakRssMiB).toBeGreaterThanOrEqual(of.rssMiB);
      }
    }
    expect(subjects[1]!.rounds[0]!.processes.map(({ name }) => name)).toEqual(["supervisor", "worker 0"]);
    expect(Object.keys(subjects[1]!.rounds[0]!.threads)).toEqual(
      expect.arrayContaining(["main", "V8Worker", "the store's wri"]),
    );

    const slow = `-1-${delayMs}ms`;
    expect(readdirSync(folder)).toEqual(
      expect.arrayContaining([
        "fieldpost-1-main.svg",
        `fieldpost${slow}-writer.svg`,
        `chain${slow}-writer.svg`,
      ]),
    );
    const svg = readFileSync(join(folder, `fieldpost${slow}-writer.svg`), "utf8");
    expect(svg).toContain(" server/src/store/sqlite/writer.ts:");
    expect(svg).not.toContain(root);
  },
  120_000,
);

test("without a C compiler --fsync-delay says so", async () => {
  const path = makeFolder();
  const run = promisify(execFile)(
    process.execPath,
    ["--conditions=@fieldpost/source", join(root, "test/bench/main.ts"), "--fsync-delay", "5ms"],
    {
      cwd: root,
      // A folder of its own for temporary files: an earlier run has left the compiled library in the usual one.
      env: { PATH: path, TMPDIR: path },
    },
  );
  await expect(run).rejects.toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^bench: --fsync-delay needs a library .* the C compiler cc cannot be started/,
    ),
  });
});
