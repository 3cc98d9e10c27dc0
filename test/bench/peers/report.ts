// What `npm run bench -- peers` prints: a row for each subject, then the ratios and what they are aimed at.
import type { Measurement } from "../measure.ts";
import { formatRounds, formatTable } from "../report.ts";
import type { BesideBatches, Latency } from "./beside-batches.ts";
import { subjects, type SubjectKey } from "./subjects.ts";

export interface PeersResult {
  /** Of each subject that was measured, one for each round. */
  rounds: Partial<Record<SubjectKey, Measurement[]>>;
  bareInserts: number[];
  besideBatches: BesideBatches[];
  /** What was not measured, and why. */
  skipped: string[];
}
type Figure = readonly [label: string, digits: number, value: (of: Measurement) => number];
export interface Ratio {
  label: string;
  /** Round by round. */
  values: number[];
  /** `≥ 0.85`; empty where there is none. */
  aim: string;
}

const figures: readonly Figure[] = [
  ["acknowledged/s", 0, (of) => of.acknowledgedPerSecond],
  ["delivered/s", 0, (of) => of.deliveredPerSecond],
  ["call p99, ms", 1, (of) => of.acknowledgeP99Ms],
  ["CPU a job, µs", 0, cpu],
  ["generator's", 0, (of) => of.generatorCpuMicrosPerJob],
  ["PSS, MiB", 0, (of) => of.pssMiB],
  ["lost", 0, (of) => of.lost],
  ["repeats", 0, (of) => of.repeats],
  ["others' CPU, %", 0, (of) => 100 * of.otherCpuShare],
];

function acknowledged(of: Measurement): number {
  return of.acknowledgedPerSecond;
}
function delivered(of: Measurement): number {
  return of.deliveredPerSecond;
}
function cpu(of: Measurement): number {
  return of.cpuMicrosPerJob;
}

type Compared = readonly [
  what: string,
  value: (of: Measurement) => number,
  of: SubjectKey,
  to: SubjectKey | "bareInserts",
  aim?: string,
];
const compared: readonly Compared[] = [
  ["acknowledged", acknowledged, "fieldpost", "chain"],
  ["delivered", delivered, "fieldpost", "chain", "≥ 0.85"],
  ["acknowledged", acknowledged, "fieldpost", "everysec"],
  ["delivered", delivered, "fieldpost", "everysec", "≥ 2.5"],
  ["CPU a job", cpu, "fieldpost", "everysec"],
  ["acknowledged", acknowledged, "fieldpost", "always"],
  ["delivered", delivered, "fieldpost", "always", "≥ 2.5"],
  ["CPU a job", cpu, "fieldpost", "always"],
  ["acknowledged", acknowledged, "fieldpost100", "everysec100"],
  ["delivered", delivered, "fieldpost100", "everysec100"],
  ["delivered", delivered, "fieldpost100", "always100"],
  ["acknowledged", acknowledged, "fieldpost10000", "everysec1000"],
  ["delivered", delivered, "fieldpost10000", "everysec1000"],
  ["delivered", delivered, "fieldpost10000", "always1000"],
  ["acknowledged", acknowledged, "stored100", "bareInserts"],
  ["acknowledged", acknowledged, "stored10000", "bareInserts", "≥ 0.6"],
  ["acknowledged", acknowledged, "streamed", "chain", "> 1"],
];

export function ratiosOf({ rounds, bareInserts }: PeersResult): Ratio[] {
  return compared.flatMap(([what, value, of, to, aim = ""]) => {
    const values = rounds[of]?.map(value);
    const toValues = to === "bareInserts" ? bareInserts : rounds[to]?.map(value);
    if (values === undefined || toValues === undefined) return [];
    const toLabel = to === "bareInserts" ? "bare inserts" : subjects[to].label;
    return {
      label: `${what}: ${subjects[of].label} / ${toLabel}`,
      values: values.map((one, round) => one / toValues[round]!),
      aim,
    };
  });
}

export function formatPeers(result: PeersResult): string {
  const { rounds, bareInserts, besideBatches, skipped } = result;
  const measured = Object.entries(rounds) as [SubjectKey, Measurement[]][];
  const rates = [
    ["", ...figures.map(([label]) => label)],
    ...measured.map(([key, list]) => [
      subjects[key].label,
      ...figures.map(([, digits, value]) => formatRounds(list.map(value), digits)),
    ]),
    ["bare inserts", formatRounds(bareInserts, 0), ...figures.slice(1).map(() => "")],
  ];
  const ratios = [
    ["ratio, round by round", "median (least–greatest)", "aim"],
    ...ratiosOf(result).map(({ label, values, aim }) => [label, formatRounds(values, 3), aim]),
  ];
  const beside = (value: (of: BesideBatches) => number, digits = 1): string =>
    formatRounds(besideBatches.map(value), digits);
  const latencyOf = (of: (result: BesideBatches) => Latency): string[] => [
    beside((result) => of(result).p50Ms),
    beside((result) => of(result).p99Ms),
  ];
  const latencies = [
    ["Enqueue, 500 a second", "p50, ms", "p99, ms", "a batch, ms", "jobs/s in batches"],
    ["alone", ...latencyOf((of) => of.alone), "", ""],
    ["beside two processes that compute as long", ...latencyOf((of) => of.computing), "", ""],
    [
      "beside a batch of 10,000 every 2 s",
      ...latencyOf((of) => of.paced),
      beside((of) => of.paced.batchMs, 0),
      "",
    ],
    [
      "beside batches of 10,000 without a pause",
      ...latencyOf((of) => of.endless),
      "",
      beside((of) => of.endless.batchJobsPerSecond, 0),
    ],
  ];
  const tables = [rates, ratios, latencies].map(formatTable);
  return [...tables, ...skipped.map((why) => `not measured: ${why}`)].join("\n\n");
}
