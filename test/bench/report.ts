// What a bench prints: a table with a column for each subject, the same for their threads, and one with a row for each process.
import type { Measurement, ProcessMeasurement } from "./measure.ts";
import { summarize } from "./stats.ts";

export interface SubjectResult {
  /** `fieldpost 2`: what it is and how many processes of it accept calls. */
  label: string;
  /** One for each round. */
  rounds: Measurement[];
  /** What its ratios are to, measured in the same rounds; by what that is called. */
  ratiosTo: Record<string, SubjectResult>;
}
export interface BenchResult {
  /** Calls a second of each round, where it was measured. */
  noop: number[];
  subjects: SubjectResult[];
}

interface Figure<Of> {
  label: string;
  digits: number;
  value: (of: Of) => number;
  /** Also as a ratio. */
  isCompared?: true;
}

const figures: readonly Figure<Measurement>[] = [
  { label: "acknowledged/s", digits: 0, value: (of) => of.acknowledgedPerSecond, isCompared: true },
  { label: "delivered/s", digits: 0, value: (of) => of.deliveredPerSecond, isCompared: true },
  { label: "acknowledge p99, ms", digits: 1, value: (of) => of.acknowledgeP99Ms },
  { label: "event-loop delay p99, ms", digits: 1, value: (of) => of.loopDelayP99Ms },
  { label: "CPU a job, µs", digits: 1, value: (of) => of.cpuMicrosPerJob, isCompared: true },
  { label: "generator's CPU a job, µs", digits: 1, value: (of) => of.generatorCpuMicrosPerJob },
  { label: "CPU taken by others, %", digits: 0, value: (of) => 100 * of.otherCpuShare },
  { label: "memory (PSS), MiB", digits: 0, value: (of) => of.pssMiB },
  { label: "jobs lost", digits: 0, value: (of) => of.lost },
  { label: "repeats at the target", digits: 0, value: (of) => of.repeats },
];
const processFigures: readonly Figure<ProcessMeasurement>[] = [
  { label: "CPU a job, µs", digits: 1, value: (of) => of.cpuMicrosPerJob },
  { label: "loop delay p99, ms", digits: 1, value: (of) => of.loopDelayP99Ms },
  { label: "loop delay max, ms", digits: 1, value: (of) => of.loopDelayMaxMs },
  { label: "peak RSS, MiB", digits: 0, value: (of) => of.peakRssMiB },
  { label: "RSS, MiB", digits: 0, value: (of) => of.rssMiB },
  { label: "PSS, MiB", digits: 0, value: (of) => of.pssMiB },
];
const compared = figures.filter(({ isCompared }) => isCompared === true);

/** The three tables; a cell is the median over the rounds, with the least and the greatest in brackets. */
export function formatReport(result: BenchResult): string {
  const { noop, subjects } = result;
  if (subjects.length === 0) return formatTable([["noop: calls/s", formatRounds(noop, 0)]]);
  const row = (label: string, cell: (of: SubjectResult) => string): string[] => [
    label,
    ...subjects.map(cell),
  ];
  const rows = [
    row("", ({ label }) => label),
    ...figures.map(({ label, digits, value }) =>
      row(label, ({ rounds }) => formatRounds(rounds.map(value), digits)),
    ),
  ];
  for (const name of new Set(subjects.flatMap(({ ratiosTo }) => Object.keys(ratiosTo)))) {
    for (const figure of compared) {
      rows.push(
        row(`${figure.label.replace(/[,/].*/, "")} / ${name}`, ({ rounds, ratiosTo }) =>
          formatRounds(ratios(rounds, ratiosTo[name]?.rounds, figure), 3),
        ),
      );
    }
  }
  if (noop.length > 0) {
    rows.push(
      row("noop: calls/s", (subject) => (subject === subjects[0] ? formatRounds(noop, 0) : "")),
      row("acknowledged / noop's calls", ({ rounds }) => formatRounds(noopRatios(rounds, noop), 3)),
    );
  }
  return [rows, threadRows(subjects), processRows(subjects)].map(formatTable).join("\n\n");
}

/** Less of a thread is left out, µs a job. */
const leastMicros = 0.5;

function threadRows(subjects: readonly SubjectResult[]): string[][] {
  const head = ["CPU a job of threads, µs", ...subjects.map(({ label }) => label)];
  const names = new Set(
    subjects.flatMap(({ rounds }) =>
      rounds.flatMap(({ threads }) => Object.keys(threads).filter((name) => threads[name]! >= leastMicros)),
    ),
  );
  const rows = [...names].map((name) => [
    name,
    ...subjects.map(({ rounds }) =>
      formatRounds(
        rounds.map(({ threads }) => threads[name] ?? Number.NaN),
        1,
      ),
    ),
  ]);
  return [head, ...rows];
}

function processRows(subjects: readonly SubjectResult[]): string[][] {
  const head = ["", ...processFigures.map(({ label }) => label), "CPUs"];
  const rows = subjects.flatMap(({ label, rounds }) =>
    rounds[0]!.processes.map(({ name, cpus }, index) => {
      const cells = processFigures.map(({ digits, value }) =>
        formatRounds(
          rounds.map(({ processes }) => value(processes[index]!)),
          digits,
        ),
      );
      return [`${label}: ${name}`, ...cells, cpus];
    }),
  );
  return [head, ...rows];
}

/** For programs: every round, and the ratios of every round. */
export function jsonReport({ noop, subjects }: BenchResult): object {
  return {
    noopCallsPerSecond: noop,
    subjects: subjects.map((subject) => ({
      label: subject.label,
      rounds: subject.rounds,
      ratios: Object.entries(subject.ratiosTo).map(([name, to]) => ({
        to: name,
        label: to.label,
        ...Object.fromEntries(
          compared.map((figure) => [figure.label, ratios(subject.rounds, to.rounds, figure)]),
        ),
      })),
      acknowledgedToNoop: noopRatios(subject.rounds, noop),
    })),
  };
}

/** Round by round. */
function ratios(
  rounds: readonly Measurement[],
  to: readonly Measurement[] | undefined,
  { value }: Figure<Measurement>,
): number[] {
  return to === undefined ? [] : rounds.map((of, round) => value(of) / value(to[round]!));
}

function noopRatios(rounds: readonly Measurement[], noop: readonly number[]): number[] {
  return noop.length === 0 ? [] : rounds.map((of, round) => of.acknowledgedPerSecond / noop[round]!);
}

/** "-" for what could not be taken. */
export function formatRounds(values: readonly number[], digits: number): string {
  const { min, median, max } = summarize(values);
  if (Number.isNaN(median)) return "-";
  const [low, middle, high] = [min, median, max].map((value) => formatNumber(value, digits));
  return low === high ? middle! : `${middle} (${low}–${high})`;
}

function formatNumber(value: number, digits: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join("   "),
    )
    .join("\n");
}
