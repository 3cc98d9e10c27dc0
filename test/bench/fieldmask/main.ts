// `npm run bench -- fieldmask`: what masks cost, each beside what it is to be compared with, in one process. Subjects take
// turns in short batches, so that what else the machine does hits both alike; a ratio is that of two neighbours, and the
// median of all of them is printed.

import { applyFieldMask } from "protobuf-fieldmask";
import { Profile } from "./gen/bench_fieldmask.ts";
import {
  compileGetProfileRequestReadMask,
  filterProfile,
  filterProfileBytes,
  parseGetProfileRequestReadMask,
} from "./gen/bench_fieldmask_fieldmask.ts";

/** One pair: how often the first goes while the second goes once. */
export interface Comparison {
  readonly name: string;
  readonly aim: { readonly atLeast: number } | { readonly atMost: number };
  readonly subject: () => unknown;
  readonly yardstick: () => unknown;
}

const text = (length: number): string => "x".repeat(length);
const small: Profile = {
  name: "profiles/1",
  displayName: "Ada Lovelace",
  givenName: "Ada",
  familyName: "Lovelace",
  contact: { email: "ada@example.com", phoneNumber: "+47 1", city: "Oslo", country: "NO" },
  language: "en",
  timeZone: "Europe/Oslo",
  title: "Countess",
  company: "Analytical Engines",
  biography: "Wrote the first program.",
  pictureUrl: "https://example.com/ada.png",
  age: 36,
  balanceMicros: 1_000_000n,
  score: 9.5,
  active: true,
  verified: true,
  roles: ["admin", "author"],
  ratings: [5, 5, 4],
  signature: Buffer.from([1, 2, 3]),
  etag: "abc",
};
const large: Profile = {
  ...small,
  biography: text(1900),
  signature: Buffer.alloc(1000, 1),
  title: text(600),
  company: text(280),
};
const largeBytes = Profile.encode(large).finish();

const paths = ["display_name", "contact.email"];
const mask = compileGetProfileRequestReadMask(paths);
const properties = ["displayName", "contact.email"];

const tenPaths = [
  ...["name", "display_name", "given_name", "family_name", "contact.email", "contact.city", "language"],
  ...["title", "company", "age"],
];
const known = new Map([[tenPaths.join(","), mask]]);

const noBytes = Buffer.alloc(0);

/** What filterProfile gives for these two paths, written by hand. */
function filterByHand(profile: Profile): Profile {
  return {
    name: "",
    displayName: profile.displayName,
    givenName: "",
    familyName: "",
    contact:
      profile.contact === undefined
        ? undefined
        : { email: profile.contact.email, phoneNumber: "", city: "", country: "" },
    language: "",
    timeZone: "",
    title: "",
    company: "",
    biography: "",
    pictureUrl: "",
    age: 0,
    balanceMicros: 0n,
    score: 0,
    active: false,
    verified: false,
    roles: [],
    ratings: [],
    signature: noBytes,
    etag: "",
  };
}

export const comparisons: readonly Comparison[] = [
  {
    name: "filter, 2 of 20 fields, to npm's protobuf-fieldmask",
    aim: { atLeast: 8 },
    subject: () => filterProfile(small, mask),
    yardstick: () => applyFieldMask(small, properties),
  },
  {
    name: "filter, 2 of 20 fields, to code written by hand",
    aim: { atMost: 3 },
    subject: () => filterProfile(small, mask),
    yardstick: () => filterByHand(small),
  },
  {
    name: `filterBytes, 2 of 20 fields of ${largeBytes.length} bytes, to decode, filter, encode`,
    aim: { atLeast: 5 },
    subject: () => filterProfileBytes(largeBytes, mask),
    yardstick: () => Profile.encode(filterProfile(Profile.decode(largeBytes), mask)).finish(),
  },
  {
    name: "a mask of 10 paths that is known already, to a Map's lookup of its joined paths",
    aim: { atMost: 3 },
    subject: () => parseGetProfileRequestReadMask(tenPaths),
    yardstick: () => known.get(tenPaths.join(",")),
  },
];

const turnsOfARound = 10;

/** Prints what each comparison came to. */
export function benchFieldmask(rounds: number): void {
  const turns = rounds * turnsOfARound;
  process.stdout.write(`Node ${process.version}; ${turns} turns; median (least–greatest)\n\n`);
  for (const comparison of comparisons) {
    const { ratios, subjectNs, yardstickNs } = compare(comparison, turns);
    const [words, aim] =
      "atLeast" in comparison.aim
        ? ["times faster", `at least ${comparison.aim.atLeast}`]
        : ["times the cost", `at most ${comparison.aim.atMost}`];
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    process.stdout.write(
      `${comparison.name}:\n  ${median(ratios).toFixed(2)} ${words} (${range}); aim: ${aim}; ` +
        `${subjectNs.toFixed(0)} ns to ${yardstickNs.toFixed(0)} ns\n`,
    );
  }
}

/**
 * Measures one comparison in so many turns. `ratios`: how many times faster than the yardstick where that is aimed at,
 * how many times the cost otherwise. Times are medians, in nanoseconds of one call.
 */
export function compare({ subject, yardstick, aim }: Comparison, turns: number) {
  const batches = [subject, yardstick].map((work) => batchOf(work));
  const subjects: number[] = [];
  const yardsticks: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    subjects.push(nanoseconds(subject, batches[0] ?? 1));
    yardsticks.push(nanoseconds(yardstick, batches[1] ?? 1));
  }
  const ratios = subjects.map((ns, i) =>
    "atLeast" in aim ? (yardsticks[i] ?? 0) / ns : ns / (yardsticks[i] ?? 0),
  );
  return { ratios, subjectNs: median(subjects), yardstickNs: median(yardsticks) };
}

let sink: unknown;

/** One call of a batch. */
function nanoseconds(work: () => unknown, count: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) sink = work();
  return Number(process.hrtime.bigint() - start) / count;
}

/** So many calls that they take some 20 ms, after so many that the code is hot. */
function batchOf(work: () => unknown): number {
  let count = 1000;
  for (let i = 0; i < 5; i++) {
    const ns = nanoseconds(work, count);
    count = Math.max(100, Math.round(20_000_000 / ns));
  }
  return count;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

export { sink };
