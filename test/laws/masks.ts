// Masks at random. Valid paths are found by walking a message type as a list of numbers says, so that fast-check makes a
// path shorter by making the list shorter.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { keyTextsOf } from "./keys.ts";
import type { Shape } from "./shapes.ts";

/** Where a mask is for: paths of an update stop at lists. */
export type Profile = "read" | "update";

/** Valid masks: paths, parents and children, the same path twice; now and then `*`. */
export function masksOf(desc: DescMessage, shape: Shape, profile: Profile): fc.Arbitrary<string[]> {
  return fc.oneof(
    { arbitrary: namedPaths(desc, shape, profile), weight: 19 },
    { arbitrary: fc.constant<string[]>(["*"]), weight: 1 },
  );
}

/** Two valid masks for reads that have much in common. */
export function maskPairsOf(desc: DescMessage, shape: Shape): fc.Arbitrary<[string[], string[]]> {
  return fc
    .tuple(masksOf(desc, shape, "read"), routes, routes, branches)
    .map(([other, first, second, turns]): [string[], string[]] => {
      const named = (all: readonly Route[]): string[] => all.map((route) => walk(desc, shape, "read", route));
      const pair = [named(first), named([...second, ...turnOff(first, turns)])] as const;
      return other[0] === "*" ? [pair[0], other] : [...pair];
    });
}

/** Masks of at least one path, none of which is `*`. */
function namedPaths(desc: DescMessage, shape: Shape, profile: Profile): fc.Arbitrary<string[]> {
  return fc
    .tuple(routes, branches)
    .map(([all, turns]) =>
      [...all, ...turnOff(all, turns)].map((route) => walk(desc, shape, profile, route)),
    );
}

/** The numbers by which a path is found. */
type Route = readonly number[];

const steps = fc.nat(1_000_000);
const routes = fc.array(fc.array(steps, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });
/** Which of the routes to follow how far, and how to go on from there. */
const branches = fc.array(fc.tuple(fc.nat(5), fc.nat(12), fc.array(steps, { maxLength: 6 })), {
  maxLength: 4,
});

/** Routes that begin as others do: they lead to parents, to children, to other entries of a map, or to the same. */
function turnOff(all: readonly Route[], turns: readonly (readonly [number, number, Route])[]): Route[] {
  return turns.map(([index, length, tail]) => [...(all[index % all.length] ?? []).slice(0, length), ...tail]);
}

/** Masks of a caller who is mistaken, or hostile. */
export function masksWithJunk(desc: DescMessage, shape: Shape): fc.Arbitrary<string[]> {
  const junk = fc.constantFrom(
    ...[
      "",
      ".",
      "a..b",
      "nope",
      "__proto__",
      "constructor",
      "hasOwnProperty.call",
      "`",
      "`a",
      "a.`b`c",
      "*.*",
    ],
    ...["a,b", "0", "-", " ", "*"],
  );
  const mixed = namedPaths(desc, shape, "read").chain(([path = ""]) =>
    fc.constantFrom(
      `${path}.nope`,
      `${path}.0`,
      `${path}.*`,
      `${path}.`,
      `.${path}`,
      path.toUpperCase(),
      `\`${path}\``,
    ),
  );
  return fc
    .tuple(namedPaths(desc, shape, "read"), fc.array(fc.oneof(junk, mixed), { minLength: 1, maxLength: 3 }))
    .map(([paths, wrong]) => [...wrong, ...paths]);
}

/** One number decides about each field, each key, and whether to go on. */
function walk(root: DescMessage, shape: Shape, profile: Profile, numbers: readonly number[]): string {
  const left = [...numbers];
  const segments: string[] = [];
  for (let desc: DescMessage | undefined = root; desc !== undefined && desc.fields.length > 0;) {
    const field: DescField | undefined = chooseField(desc, left.shift() ?? 0);
    if (field === undefined) break;
    segments.push(field.name);
    const goOn = (left.shift() ?? 0) % 4;
    if (goOn === 0) break;
    if (field.fieldKind === "list") {
      if (profile === "update") break;
      // On reads the `*` may be left out, but where it is last.
      if (goOn > 1 || insideOf(field) === undefined) segments.push("*");
    } else if (field.fieldKind === "map") {
      const keys = keyTextsOf(field, shape);
      const key = keys[(left.shift() ?? 0) % (keys.length + 1)];
      segments.push(key === undefined ? "*" : writeKey(key, goOn === 1));
      if ((left.shift() ?? 0) % 3 === 0) break;
    }
    desc = left.length === 0 ? undefined : insideOf(field);
  }
  return segments.join(".");
}

/** Half of the time one that paths can go on from, if there is such. */
function chooseField({ fields }: DescMessage, number: number): DescField | undefined {
  const inner = fields.filter((field) => field.fieldKind === "map" || insideOf(field) !== undefined);
  const from = number % 2 === 0 || inner.length === 0 ? fields : inner;
  return from[Math.floor(number / 2) % from.length];
}

/** The message that paths go on into. */
function insideOf({ message }: DescField): DescMessage | undefined {
  return message === undefined || opaque.has(message.typeName) ? undefined : message;
}

const opaque = new Set(["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"]);

function writeKey(key: string, quoted: boolean): string {
  return quoted || !/^(?:[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+)$/.test(key) ? `\`${key}\`` : key;
}
