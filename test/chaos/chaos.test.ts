/** The kill proof in small, and that it fails when the relay breaks a promise. `npm run chaos` runs as many rounds as are wanted. */
import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { killKinds } from "./journal.ts";
import type { Verdict } from "./judge.ts";
import { usualLoad } from "./load.ts";
import type { LoadProfile } from "./load.ts";
import { usualKillAt } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { hadSomethingToLose, isProven, runProof } from "./proof.ts";
import { formatProof } from "./report.ts";
import { sabotageEnvironment } from "./sabotage.ts";
import type { Sabotage } from "./sabotage.ts";

const rounds = Number(process.env["FIELDPOST_CHAOS_ROUNDS"] ?? 4);

const usual: ChaosOptions = {
  rounds,
  kill: killKinds,
  killAt: usualKillAt,
  lanes: Math.min(rounds, 3),
  workers: 2,
  boundSeconds: 60,
  stormSeconds: 10,
  seed: String(Math.floor(Math.random() * 2 ** 32)),
  load: usualLoad,
  env: {},
};

/** Single calls of jobs that are simply delivered, and take their time. */
const plainLoad: LoadProfile = {
  ...usualLoad,
  callers: 16,
  ...{ batchShare: 0, largeBatchShare: 0, streamShare: 0, fateShare: 0, cutShare: 0 },
  ...{ keyedShare: 0, cancelShare: 0, retryShare: 0, deleteShare: 0 },
  slowShare: 1,
  slowMs: [100, 200],
};

const lastLine = (report: string): string | undefined => report.split("\n").at(-1);

test(
  "kill -9 of everything, of a worker, of all, of the supervisor, in the middle of calls and sends: nothing is lost, doubled or stuck",
  async () => {
    const proof = await runProof(usual);
    const report = formatProof(proof, usual);
    if (!isProven(proof, usual)) throw new Error(report);
    expect(lastLine(report)).toBe("lost 0 / doubled without OUTCOME_UNKNOWN 0 / stuck 0");
    expect(proof.rounds).toHaveLength(rounds);
    expect(new Set(proof.rounds.map(({ victim }) => victim)).size).toBe(Math.min(rounds, killKinds.length));
    expect(proof.rounds.filter((round) => !hadSomethingToLose(round))).toEqual([]);
    // The ends of the lanes judged every job of every round once more.
    expect(sumOf(proof.rounds, "acknowledged")).toBeGreaterThan(rounds);
    expect(sumOf(proof.lanes, "acknowledged")).toBe(sumOf(proof.rounds, "acknowledged"));
    const counts = ["duplicates", "retried", "deleted"] as const;
    expect(counts.filter((count) => sumOf(proof.lanes, count) === 0)).toEqual([]);
  },
  60_000 + rounds * 20_000,
);

test.each<[string, ChaosOptions]>([
  ["SIGSTOP of a worker: the watchdog kills it, and nothing of it comes late", { ...usual, kill: ["stop"] }],
  [
    "SIGSTOP of a worker and its supervisor past the lease, then SIGCONT: what is late is fenced off",
    { ...usual, kill: ["pause"] },
  ],
  ["a kill every half second: all ends well when it is over", { ...usual, kill: ["storm"] }],
])(
  "%s",
  async (_, options) => {
    const chaos = { ...options, rounds: 1, lanes: 1 };
    const proof = await runProof(chaos);
    const report = formatProof(proof, chaos);
    if (!isProven(proof, chaos)) throw new Error(report);
    expect(lastLine(report)).toBe("lost 0 / doubled without OUTCOME_UNKNOWN 0 / stuck 0");
    expect(sumOf(proof.rounds, "acknowledged")).toBeGreaterThan(1);
  },
  120_000,
);

function sumOf(
  results: readonly { readonly verdict: Verdict }[],
  count: "acknowledged" | "duplicates" | "retried" | "deleted",
): number {
  return results.reduce((sum, { verdict }) => sum + verdict[count], 0);
}

describe.concurrent("a relay that breaks its promise is found out:", { timeout: 120_000 }, () => {
  test("one that acknowledges before the commit loses jobs", async () => {
    expect(await runBroken("acknowledges before the commit")).toMatch(/^lost [1-9]/);
  });

  test("one that does not say OUTCOME_UNKNOWN doubles requests that no attempt explains", async () => {
    expect(await runBroken("forgets that an outcome is unknown")).toMatch(
      /^lost 0 \/ doubled without OUTCOME_UNKNOWN [1-9]\d* \/ stuck 0$/,
    );
  });

  test("one that recovers nothing leaves jobs stuck", async () => {
    expect(await runBroken("recovers nothing", 4)).toMatch(
      /^lost 0 \/ doubled without OUTCOME_UNKNOWN 0 \/ stuck [1-9]\d*$/,
    );
  });

  test("one that sends again what had begun sends twice what may be sent once", async () => {
    expect(
      await runBroken("sends again what had begun", 60, { fateShare: 1, fates: ["fail", "hold"] }),
    ).toMatch(/ doubled without OUTCOME_UNKNOWN [1-9]\d* /);
  });

  test("one that holds nothing loses what was to be held", async () => {
    expect(await runBroken("knows no HELD", 60, { fateShare: 1, fates: ["hold"] })).toMatch(/^lost [1-9]/);
  });

  test("one that knows no dedup_key has two jobs with one at a time", async () => {
    expect(await runBroken("knows no dedup_key", 60, { keyedShare: 0.5 })).toMatch(
      /^lost 0 \/ doubled without OUTCOME_UNKNOWN [1-9]\d* \/ stuck 0$/,
    );
  });

  test("one that answers RetryJob and begins no run loses runs", async () => {
    expect(
      await runBroken("begins no new run", 60, { fateShare: 1, fates: ["refused"], retryShare: 1 }),
    ).toMatch(/^lost [1-9]\d* \/ doubled without OUTCOME_UNKNOWN 0 \/ stuck 0$/);
  });

  test("one that answers DeleteJob and keeps the job is inconsistent", async () => {
    const changes = { slowShare: 0, deleteShare: 0.5 };
    expect(await runBroken("deletes nothing", 60, changes, /^inconsistent/)).toMatch(/^inconsistent [1-9]/);
  });

  /** One worker, so that what is broken is what is killed; and a target so slow that requests are under way. */
  async function runBroken(
    sabotage: Sabotage,
    boundSeconds = 60,
    changes: Partial<LoadProfile> = {},
    line = /^lost/,
  ): Promise<string | undefined> {
    const chaos: ChaosOptions = {
      ...usual,
      rounds: 1,
      kill: ["worker"],
      killAt: [40, 60],
      lanes: 1,
      workers: 1,
      boundSeconds,
      load: { ...plainLoad, ...changes },
      env: sabotageEnvironment(sabotage),
    };
    const proof = await runProof(chaos);
    rmSync(proof.folder, { recursive: true });
    expect(proof.errors).toEqual([]);
    expect(isProven(proof, chaos)).toBe(false);
    return formatProof(proof, chaos)
      .split("\n")
      .findLast((one) => line.test(one));
  }
});
