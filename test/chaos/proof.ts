/** Runs the rounds of a kill proof in lanes, and puts together what they showed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KillKind } from "./journal.ts";
import type { Fault } from "./known.ts";
import { runLane } from "./lane.ts";
import type { LaneResult, Round } from "./lane.ts";
import type { ChaosOptions } from "./options.ts";

export interface Proof {
  readonly rounds: readonly Round[];
  /** Of every lane that came to its end, over all its rounds. */
  readonly lanes: readonly LaneResult[];
  /** Each once, though the end of a round and the end of its lane may both have shown it. */
  readonly faults: readonly Fault[];
  /** What kept rounds from being run. */
  readonly errors: readonly Error[];
  readonly seconds: number;
  /** Where journals, stores and logs are; removed if nothing is wrong. */
  readonly folder: string;
}

export async function runProof(
  chaos: ChaosOptions,
  onRound: (round: Round) => void = () => {},
): Promise<Proof> {
  const startTime = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-chaos-"));
  const rounds: Round[] = [];
  const lanes: LaneResult[] = [];
  const errors: Error[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: chaos.lanes }, async (_, lane) => {
      try {
        const result = await runLane({
          lane,
          folder: join(folder, `lane-${lane}`),
          chaos,
          nextRound: () => (next < chaos.rounds && errors.length === 0 ? next++ : undefined),
          onRound: (round) => {
            rounds.push(round);
            onRound(round);
          },
        });
        lanes.push(result);
      } catch (error) {
        errors.push(error instanceof Error ? error : new Error(String(error)));
      }
    }),
  );
  const faults = distinct([...rounds, ...lanes].flatMap(({ verdict }) => verdict.faults));
  const proof = { rounds, lanes, faults, errors, seconds: (performance.now() - startTime) / 1000, folder };
  if (isProven(proof, chaos)) rmSync(folder, { recursive: true, force: true });
  return proof;
}

/** Every round was run, killed what it was to kill while there was something to lose, and nothing is wrong. */
export function isProven({ rounds, faults, errors }: Proof, chaos: ChaosOptions): boolean {
  return (
    rounds.length === chaos.rounds &&
    rounds.every(hadSomethingToLose) &&
    faults.length === 0 &&
    errors.length === 0
  );
}

/** By the journals, not by what the client said of itself. */
export function hadSomethingToLose({ killed, victim, crashes, verdict: { kills } }: Round): boolean {
  if (victim === "storm") return crashes > 0;
  const [kill] = kills;
  return (
    killed && kills.length === 1 && kill!.victim === victim && kill!.undelivered > 0 && kill!.unanswered > 0
  );
}

export function roundsOf(rounds: readonly Round[], victim: KillKind): readonly Round[] {
  return rounds.filter((round) => round.victim === victim);
}

function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()];
}
