/** What a kill proof prints. */
import { globSync } from "node:fs";
import { join } from "node:path";
import { jobStates } from "../../server/src/job/state.ts";
import { killKinds, readJournal, stopKinds } from "./journal.ts";
import type { JobEntry, RequestEntry } from "./journal.ts";
import type { Fault, FaultKind } from "./known.ts";
import type { Round } from "./lane.ts";
import type { ChaosOptions } from "./options.ts";
import { hadSomethingToLose, roundsOf } from "./proof.ts";
import type { Proof } from "./proof.ts";

const shownFaults = 20;

export function formatRound({ round, lane, victim, killed, crashes, seconds, verdict }: Round): string {
  const [kill] = verdict.kills;
  const what =
    crashes > 0
      ? `${crashes} kills`
      : killed
        ? `killed with ${kill?.undelivered} undelivered and ${kill?.unanswered} unanswered, ${kill?.cut} cut off`
        : "not killed: there was never something to lose";
  return (
    `round ${round}, lane ${lane}, ${victim}: ${what}; ${verdict.acknowledged} acknowledged, ${verdict.requests} requests, ` +
    `${verdict.explainedDoubles} doubles explained, ${verdict.faults.length} faults, ${seconds.toFixed(1)} s`
  );
}

/** The last line is the verdict. */
export function formatProof(proof: Proof, chaos: ChaosOptions): string {
  const { rounds, faults, errors, seconds, folder } = proof;
  const sum = (of: (verdict: Round["verdict"]) => number): number =>
    rounds.reduce((sum, { verdict }) => sum + of(verdict), 0);
  const used = [...killKinds, ...stopKinds, "storm"] as const;
  const seen = used.filter((kind) => roundsOf(rounds, kind).length > 0);
  const kinds = seen.map((kind) => `${kind} ${roundsOf(rounds, kind).length}`).join(", ");
  const idle = rounds.filter((round) => !hadSomethingToLose(round)).length;
  const count = (kind: FaultKind): number =>
    new Set(faults.filter((one) => one.kind === kind).map(({ id }) => id)).size;
  const lines = [
    ...formatFaults(proof),
    ...errors.map((error) => `error: ${error.stack ?? error.message}`),
    ...(faults.length + errors.length + idle > 0 ? [`kept: ${folder}`] : []),
    `seed ${chaos.seed}; ${chaos.lanes} lanes of ${chaos.workers} workers; ${seconds.toFixed(0)} s`,
    `rounds ${rounds.length} of ${chaos.rounds}: ${kinds}; without something to lose ${idle}`,
    "kills that found jobs of their round in the state:",
    ...jobStates.map((state) => {
      const counts = seen.map((kind) => {
        const found = roundsOf(rounds, kind).filter(({ states }) => (states[state] ?? 0) > 0);
        return `${kind} ${found.length}`;
      });
      return `  ${state.padEnd(12)} ${counts.join(", ")}`;
    }),
    `calls that a kill cut off ${sum(({ kills }) => kills[0]?.cut ?? 0)}, in ${rounds.filter(({ verdict }) => verdict.kills[0]?.cut).length} rounds`,
    `jobs acknowledged ${sum(({ acknowledged }) => acknowledged)}, stored without an acknowledgement ${sum((of) => of.storedUnacknowledged)}`,
    `requests ${sum(({ requests }) => requests)}, attempts OUTCOME_UNKNOWN ${sum((of) => of.unknownAttempts)}, doubles that one of them explains ${sum((of) => of.explainedDoubles)}`,
    `answered with the job that has the dedup_key ${sum((of) => of.duplicates)}, new runs by RetryJob ${sum((of) => of.retried)} (cut off ${sum((of) => of.retriesCut)}) and in bulk ${sum((of) => of.retriedInBulk)}, deleted ${sum((of) => of.deleted)} (cut off ${sum((of) => of.deletesCut)})`,
    `inconsistent ${count("inconsistent")}`,
    `cancelled ${sum((of) => of.cancelled)}, held ${sum((of) => of.held)}, failed in doubt ${sum((of) => of.failedInDoubt)}`,
    `lost ${count("lost")} / doubled without OUTCOME_UNKNOWN ${count("doubled")} / stuck ${count("stuck")}`,
  ];
  return lines.join("\n");
}

/** Each fault, and all that the journals have of its job. */
function formatFaults({ faults, folder }: Proof): string[] {
  if (faults.length === 0) return [];
  const jobs = globSync(join(folder, "*", "jobs-*.jsonl")).flatMap((path) => readJournal<JobEntry>(path));
  const requests = globSync(join(folder, "*", "requests.jsonl")).flatMap((path) =>
    readJournal<RequestEntry>(path),
  );
  const shown = faults
    .slice(0, shownFaults)
    .flatMap(({ kind, id, why }: Fault) => [
      `${kind}: ${id}: ${why}`,
      `  job ${JSON.stringify(jobs.findLast((job) => job.id === id) ?? null)}`,
      ...requests
        .filter((request) => request.id === id)
        .map((request) => `  request ${JSON.stringify(request)}`),
    ]);
  const more = faults.length - shownFaults;
  return more > 0 ? [...shown, `and ${more} faults more`] : shown;
}
