// The table that a bench prints: one line a figure, with min, median and max over the rounds.
import type { Measurement } from "./measure.ts";
import { summarize } from "./stats.ts";

export interface Line {
  label: string;
  values: readonly number[];
  digits: number;
}

/** The figures of one subject. */
export function linesOf(subject: string, measurements: readonly Measurement[]): Line[] {
  const line = (label: string, digits: number, value: (of: Measurement) => number): Line => ({
    label: `${subject}: ${label}`,
    values: measurements.map(value),
    digits,
  });
  return [
    line("acknowledged/s", 0, (of) => of.acknowledgedPerSecond),
    line("delivered/s", 0, (of) => of.deliveredPerSecond),
    line("acknowledge p99, ms", 1, (of) => of.acknowledgeP99Ms),
    line("event-loop delay p99, ms", 1, (of) => of.loopDelayP99Ms),
    line("server CPU a job, µs", 1, (of) => of.cpuMicrosPerJob),
    line("jobs lost", 0, (of) => of.lost),
    line("repeats at the target", 0, (of) => of.repeats),
  ];
}

/** Fieldpost to the chain that ran just before it, round by round. */
export function ratioLines(fieldpost: readonly Measurement[], chain: readonly Measurement[]): Line[] {
  const line = (label: string, value: (of: Measurement) => number): Line => ({
    label: `fieldpost / chain: ${label}`,
    values: fieldpost.map((of, round) => value(of) / value(chain[round]!)),
    digits: 3,
  });
  return [
    line("acknowledged", (of) => of.acknowledgedPerSecond),
    line("delivered", (of) => of.deliveredPerSecond),
    line("server CPU a job", (of) => of.cpuMicrosPerJob),
  ];
}

/** The table as text; figures that could not be taken stand as "-". */
export function formatTable(lines: readonly Line[]): string {
  const rows = [
    ["", "min", "median", "max"],
    ...lines.map(({ label, values, digits }) => {
      const { min, median, max } = summarize(values);
      return [label, ...[min, median, max].map((value) => formatNumber(value, digits))];
    }),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join("  "),
    )
    .join("\n");
}

function formatNumber(value: number, digits: number): string {
  if (Number.isNaN(value)) return "-";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
