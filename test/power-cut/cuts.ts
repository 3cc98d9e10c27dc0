/** Cuts the power at moments of a recorded run, chosen by chance, and looks at what each leaves. */
import { DiskLogReader } from "../support/disk/disk-log.ts";
import type { DiskRecord } from "../support/disk/disk-log.ts";
import { PowerCutDisk } from "../support/disk/power-cut.ts";
import type { Random, Survival } from "../support/disk/power-cut.ts";
import { findProblems, Seen } from "./after-cut.ts";
import { StoreWatch } from "./store-watch.ts";

export interface CutResult {
  /** The cut comes before the record with this number. */
  readonly index: number;
  readonly survival: Survival;
  /** How many jobs had been acknowledged. */
  readonly acknowledged: number;
  readonly problems: readonly string[];
}

const survivals: readonly Survival[] = [
  { kind: "nothing" },
  { kind: "everything" },
  { kind: "in order" },
  { kind: "in order" },
  { kind: "pages", garbage: false },
  { kind: "pages", garbage: true },
  { kind: "sectors", garbage: false },
  { kind: "sectors", garbage: true },
];

/**
 * Of `count` moments: a tenth before the first acknowledgement, when the store is made; of the rest a third right after an
 * acknowledgement, a third while a checkpoint writes to the database file, and a third anywhere.
 *
 * @param from no moment before this record
 */
export async function cutPower(
  logPath: string,
  { count, seed, from = 0 }: { count: number; seed: number; from?: number },
): Promise<CutResult[]> {
  using log = new DiskLogReader(logPath);
  const records = [...log];
  const random = createRandom(seed);
  const moments = chooseMoments(records, count, from, random);
  const disk = new PowerCutDisk();
  const seen = new Seen();
  const results: CutResult[] = [];
  for (let index = 0; index <= records.length; index++) {
    for (; moments[0] === index; moments.shift()) {
      const survival = pick(survivals, random);
      const problems = await findProblems(disk.cut(survival, random), seen);
      results.push({ index, survival, acknowledged: seen.acknowledged.size, problems });
    }
    const record = records[index];
    if (record === undefined) break;
    disk.apply(record);
    if (record.kind === "observation") seen.add(record.text);
  }
  return results;
}

function chooseMoments(
  records: readonly DiskRecord[],
  count: number,
  from: number,
  random: Random,
): number[] {
  const watch = new StoreWatch();
  const making: number[] = [];
  const anywhere: number[] = [];
  const acknowledged: number[] = [];
  const checkpointing: number[] = [];
  for (const [index, record] of records.entries()) {
    watch.apply(record);
    if (index < from) continue;
    if (watch.acknowledgements === 0) making.push(index + 1);
    else anywhere.push(index + 1);
    if (record.kind === "observation") acknowledged.push(index + 1);
    if (watch.isCheckpointing) checkpointing.push(index + 1);
  }
  return Array.from({ length: count }, (_, number) => {
    const kinds = number % 10 === 0 ? [making] : [[acknowledged, checkpointing, anywhere][number % 3]!];
    return pick([...kinds, anywhere].find(({ length }) => length > 0) ?? [records.length], random);
  }).toSorted((one, other) => one - other);
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)]!;
}

/** The same numbers for the same seed (xorshift). */
function createRandom(seed: number): Random {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
