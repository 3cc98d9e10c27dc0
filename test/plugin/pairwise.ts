// A covering array: few rows, in which every two values of every two options stand together at least once. Most faults
// of a generator come from two options that meet, and a row for each combination of all of them would be millions.

/** The options with their values. */
export type Options = Readonly<Record<string, readonly string[]>>;

/** One value for each option; while a row is made, only for some. */
export type Row = Readonly<Record<string, string>>;

/** Two options with a value each. */
export type Pair = readonly [option: string, value: string, otherOption: string, otherValue: string];

/** Every pair of values of two different options. */
export function pairsOf(options: Options): Pair[] {
  const names = Object.keys(options);
  return names.flatMap((name, i) =>
    names
      .slice(i + 1)
      .flatMap((other) =>
        valuesOf(options, name).flatMap((value) =>
          valuesOf(options, other).map((otherValue): Pair => [name, value, other, otherValue]),
        ),
      ),
  );
}

/**
 * Rows that hold every pair of which a row can be made. `allowed` says of a row, or of a part of one, that it does not
 * break a rule: once it is false, further values must not make it true. The same options always give the same rows.
 */
export function coverPairs(options: Options, allowed: (part: Row) => boolean = () => true): Row[] {
  const missing = new Map(pairsOf(options).map((pair) => [keyOf(...pair), pair]));
  const rows: Row[] = [];
  for (const [key, [name, value, other, otherValue]] of missing) {
    const row = complete({ [name]: value, [other]: otherValue }, options, missing, allowed);
    missing.delete(key);
    if (row === undefined) continue;
    rows.push(row);
    for (const [option, held] of Object.entries(row)) {
      for (const next of Object.keys(row)) missing.delete(keyOf(option, held, next, row[next] ?? ""));
    }
  }
  return rows;
}

/** Fills a row up, at each option with the value that covers most; undefined if none of its rows is allowed. */
function complete(
  part: Row,
  options: Options,
  missing: ReadonlyMap<string, Pair>,
  allowed: (part: Row) => boolean,
): Row | undefined {
  if (!allowed(part)) return undefined;
  const candidates = Object.keys(options)
    .filter((name) => !Object.hasOwn(part, name))
    .flatMap((name) =>
      valuesOf(options, name).map((value) => ({ name, value, gain: gainOf(name, value, part, missing) })),
    );
  const best = candidates.toSorted((a, b) => b.gain - a.gain)[0];
  if (best === undefined) return part;
  for (const { name, value } of candidates
    .filter(({ name }) => name === best.name)
    .toSorted((a, b) => b.gain - a.gain)) {
    const row = complete({ ...part, [name]: value }, options, missing, allowed);
    if (row !== undefined) return row;
  }
  return undefined;
}

/** How many missing pairs a value makes with those that a row has. */
function gainOf(name: string, value: string, part: Row, missing: ReadonlyMap<string, Pair>): number {
  return Object.entries(part).filter(
    ([other, held]) =>
      missing.has(keyOf(name, value, other, held)) || missing.has(keyOf(other, held, name, value)),
  ).length;
}

function valuesOf(options: Options, name: string): readonly string[] {
  return options[name] ?? [];
}

function keyOf(name: string, value: string, other: string, otherValue: string): string {
  return JSON.stringify([name, value, other, otherValue]);
}
