// The bench of backlogs, as people run it, with few jobs: that all that it says is measured.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { BacklogRound } from "./backlog/measure.ts";

interface Report {
  stores: { backlog: number; storeMiB: number; rounds: BacklogRound[]; ratios: Record<string, number[]> }[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));

test("two stores are filled, served and compared", async () => {
  const args = ["backlog", "--backlog", "2000,100", "--rounds", "1", "--seconds", "1", "--json"];
  const { stdout } = await promisify(execFile)("npm", ["run", "--silent", "bench", "--", ...args], {
    cwd: root,
  });
  const { stores } = JSON.parse(stdout) as Report;
  expect(stores.map(({ backlog }) => backlog)).toEqual([100, 2000]);
  expect(stores[1]!.storeMiB).toBeGreaterThan(stores[0]!.storeMiB);
  for (const { rounds } of stores) {
    const [of] = rounds as [BacklogRound];
    expect(of.readyMs).toBeGreaterThan(50);
    expect(of.firstAnswerMs).toBeGreaterThan(50);
    expect(of.enqueueP50Ms).toBeGreaterThan(0);
    expect(of.enqueueP99Ms).toBeGreaterThanOrEqual(of.enqueueP50Ms);
    // Never before its time.
    expect(of.latenessP50Ms).toBeGreaterThanOrEqual(0);
    expect(of.latenessMaxMs).toBeGreaterThanOrEqual(of.latenessP99Ms);
    for (const workers of Object.values(of.memory)) {
      expect(workers).toHaveLength(2);
      for (const { pssMiB, rssMiB } of workers) expect(rssMiB).toBeGreaterThan(pssMiB);
    }
    expect(of.memory.load[0]!.rssMiB).toBeGreaterThanOrEqual(of.memory.start[0]!.rssMiB);
  }
  expect(stores[0]!.ratios["Enqueue p99, ms"]).toEqual([1]);
  expect(stores[1]!.ratios["Enqueue p99, ms"]![0]).toBeCloseTo(
    stores[1]!.rounds[0]!.enqueueP99Ms / stores[0]!.rounds[0]!.enqueueP99Ms,
  );
});
