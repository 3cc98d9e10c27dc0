// Measures in rounds, and says what they came to.
import { summarize } from "../stats.ts";
import type { Tally } from "./clients.ts";

/** In each round each subject in its turn, so that what else the machine does hits all of them alike. */
export async function inRounds<Subject, Result>(
  rounds: number,
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<Result>,
): Promise<Map<Subject, Result[]>> {
  const results = new Map(subjects.map((subject): [Subject, Result[]] => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [subject, list] of results) list.push(await measure(subject));
  }
  return results;
}

/** All rounds together. */
export function describeTallies(tallies: readonly Tally[]): string {
  let served = 0;
  const failures: Record<string, number> = {};
  for (const tally of tallies) {
    served += tally.served;
    for (const [code, count] of Object.entries(tally.failures))
      failures[code] = (failures[code] ?? 0) + count;
  }
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  if (failed === 0) return `${served} served, 0 failed`;
  const share = ((100 * failed) / (failed + served)).toFixed(2);
  const list = Object.entries(failures).map(([code, count]) => `${code} ${count}`);
  return `${served} served, ${failed} failed (${share} %: ${list.join(", ")})`;
}

/** The median, in brackets the least and the greatest. */
export function spread(values: readonly number[], digits = 0): string {
  const { min, median, max } = summarize(values);
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
