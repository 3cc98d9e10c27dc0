// What `npm run bench -- backlog` prints: a column for each store, and what each figure is to the smallest one's.
import { formatRounds, formatTable } from "../report.ts";
import type { Filled } from "./fill.ts";
import type { BacklogRound, Phase } from "./measure.ts";

export interface BacklogResult {
  filled: Filled;
  rounds: BacklogRound[];
}
type Figure = readonly [label: string, digits: number, value: (of: BacklogRound) => number];

const memoryFigures: readonly Figure[] = (["start", "load", "after"] as const).flatMap((phase): Figure[] => [
  [`worker PSS, ${phase}, MiB`, 0, (of) => mean(of, phase, "pssMiB")],
  [`worker RSS, ${phase}, MiB`, 0, (of) => mean(of, phase, "rssMiB")],
]);
export const figures: readonly Figure[] = [
  ["start to ready, ms", 0, (of) => of.readyMs],
  ["start to first answer, ms", 0, (of) => of.firstAnswerMs],
  ["Enqueue p50, ms", 2, (of) => of.enqueueP50Ms],
  ["Enqueue p99, ms", 2, (of) => of.enqueueP99Ms],
  ["lateness p50, ms", 0, (of) => of.latenessP50Ms],
  ["lateness p99, ms", 0, (of) => of.latenessP99Ms],
  ["lateness max, ms", 0, (of) => of.latenessMaxMs],
  ...memoryFigures,
  ["CPU taken by others, %", 0, (of) => 100 * of.otherCpuShare],
];

function mean({ memory }: BacklogRound, phase: Phase, size: "pssMiB" | "rssMiB"): number {
  return memory[phase].reduce((sum, worker) => sum + worker[size], 0) / memory[phase].length;
}

/** Round by round; NaN where the smaller store's is 0. */
export function ratiosTo(base: BacklogResult, { rounds }: BacklogResult, [, , value]: Figure): number[] {
  return rounds.map((of, round) => {
    const to = value(base.rounds[round]!);
    return to === 0 ? Number.NaN : value(of) / to;
  });
}

/** The smallest store first. */
export function formatBacklog(results: readonly BacklogResult[]): string {
  const [base, ...larger] = results as [BacklogResult, ...BacklogResult[]];
  const count = ({ filled }: BacklogResult): string => filled.jobs.toLocaleString("en");
  const number = (value: number): string => formatRounds([value], 0);
  const blank = larger.map(() => "");
  const rows = [
    [
      "jobs that wait",
      ...results.map(count),
      ...larger.map((result) => `ratio ${count(result)} / ${count(base)}`),
    ],
    ["filled with, jobs/s", ...results.map(({ filled }) => number(filled.jobsPerSecond)), ...blank],
    ["the file, MiB", ...results.map(({ filled }) => number(filled.storeMiB)), ...blank],
    ...figures.map((figure) => {
      const [label, digits, value] = figure;
      const isCompared = !label.includes("others");
      return [
        label,
        ...results.map(({ rounds }) => formatRounds(rounds.map(value), digits)),
        ...larger.map((result) => (isCompared ? formatRounds(ratiosTo(base, result, figure), 2) : "")),
      ];
    }),
  ];
  return formatTable(rows);
}
