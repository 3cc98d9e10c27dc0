/** What there was to lose at each kill. */
import type { KillKind } from "./journal.ts";
import { isAccepted } from "./judge-attempts.ts";
import type { Evidence } from "./known.ts";

/**
 * What there was to lose when a kill was sent, counted again from the journals. What the client saw itself counts where
 * it is less: it leaves out acknowledgements that were not on disk yet.
 */
export interface KillMoment {
  readonly round: number;
  readonly victim: KillKind;
  /** Acknowledged jobs of which the target had not got a request that it accepted. */
  readonly undelivered: number;
  /** Calls that were begun and had not ended. */
  readonly unanswered: number;
  /** Those of them that the kill cut off: no answer was on its way either. */
  readonly cut: number;
}

export function findKills({ calls, requests }: Pick<Evidence, "calls" | "requests">): KillMoment[] {
  const jobsOfCall = new Map(calls.flatMap((one) => (one.kind === "begun" ? [[one.call, one.jobs]] : [])));
  const kills: KillMoment[] = [];
  const open: string[][] = [];
  const failed = new Set<string>();
  const unanswered = new Set<string>();
  const acknowledged = new Set<string>();
  for (const entry of calls) {
    if (entry.kind === "killed") {
      const delivered = new Set(
        requests.filter((one) => one.time <= entry.time && isAccepted(one)).map(({ id }) => id),
      );
      const { round, victim } = entry;
      const undelivered = [...acknowledged].filter((id) => !delivered.has(id)).length;
      kills.push({
        round,
        victim,
        undelivered: Math.min(entry.undelivered, undelivered),
        unanswered: Math.min(entry.unanswered, unanswered.size),
        cut: 0,
      });
      open.push([...unanswered]);
    } else if (entry.kind === "begun") unanswered.add(entry.call);
    else if (entry.kind === "acknowledged" || entry.kind === "failed") {
      unanswered.delete(entry.call);
      // Who is answered with another job has none to lose.
      if (entry.kind === "acknowledged" && entry.duplicateOf === undefined)
        for (const { id } of jobsOfCall.get(entry.call) ?? []) acknowledged.add(id);
      if (entry.kind === "failed") failed.add(entry.call);
    }
  }
  return kills.map((kill, index) => ({
    ...kill,
    cut: open[index]!.filter((call) => failed.has(call)).length,
  }));
}
