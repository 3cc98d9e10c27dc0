// What a law is, and what laws are written with.

import assert from "node:assert/strict";
import type { Mask, MaskResult } from "@fieldpost/fieldmask";
import { MaskError } from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import type { Paths } from "../support/message-functions.ts";
import { canonical, leavesOf, without } from "./compare.ts";
import type { Subject, Target } from "./subject.ts";
import type { Profile } from "./masks.ts";
import { maskPairsOf, masksOf, masksWithJunk } from "./masks.ts";
import type { Encoded } from "./messages.ts";
import { messagesOf, pairsOf } from "./messages.ts";

/** Something that holds for all messages and masks. */
export interface Law {
  readonly name: string;
  /** True if it is about both targets together: a schema that ts-proto cannot have says nothing about it. */
  readonly joint: boolean;
  /** For one schema: what is made by chance, and has to be right. */
  property(subject: Subject): fc.IPropertyWithHooks<unknown>;
}

/** What is made by chance, for one schema. */
export interface Given {
  readonly message: fc.Arbitrary<Encoded>;
  /** Two messages that have much in common. */
  readonly pair: fc.Arbitrary<readonly [Encoded, Encoded]>;
  /** Valid, and never absent. */
  readonly readPaths: fc.Arbitrary<readonly string[]>;
  /** Two masks that have much in common. */
  readonly pathPair: fc.Arbitrary<readonly [readonly string[], readonly string[]]>;
  readonly updatePaths: fc.Arbitrary<readonly string[]>;
  /** Without a mask now and then. */
  readonly maybePaths: (profile: Profile) => fc.Arbitrary<Paths>;
  readonly junkPaths: fc.Arbitrary<readonly string[]>;
}

/** The messages of one target, and how they are looked at. */
export interface Side extends Target {
  readonly subject: Subject;
  /** The side of protobuf-es, which may be this one. */
  readonly protobufEs: Side;
  /** A new message. */
  load(encoded: Encoded): object;
  leaves(message: object): Set<string>;
  /** Throws if one is not the same message as the other. */
  expectSame(actual: object, expected: object): void;
  expectSameBytes(actual: Uint8Array, expected: Uint8Array): void;
  /** A mask of valid paths. */
  mask(profile: Profile, paths: Paths): Mask;
}

/** A law of each target by itself. */
export function law<T>(
  name: string,
  given: (given: Given) => fc.Arbitrary<T>,
  holds: (side: Side, value: T) => void,
): Law {
  return {
    name,
    joint: false,
    property: (subject) => {
      const { protobufEs, tsProto } = sidesOf(subject);
      return fc.property(given(givenFor(subject)), (value) => {
        holds(protobufEs, value);
        if (tsProto !== undefined) holds(tsProto, value);
      });
    },
  };
}

/** A law about both targets. */
export function jointLaw<T>(
  name: string,
  given: (given: Given) => fc.Arbitrary<T>,
  holds: (protobufEs: Side, tsProto: Side, value: T) => void,
): Law {
  return {
    name,
    joint: true,
    property: (subject) => {
      const { protobufEs, tsProto } = sidesOf(subject);
      if (tsProto === undefined) throw new Error(`${subject.schema.name} is for protobuf-es alone`);
      return fc.property(given(givenFor(subject)), (value) => holds(protobufEs, tsProto, value));
    },
  };
}

const known = new WeakMap<Subject, Given>();

function givenFor(subject: Subject): Given {
  const found = known.get(subject);
  if (found !== undefined) return found;
  const { desc, shape } = subject;
  const given: Given = {
    message: messagesOf(desc, shape),
    pair: pairsOf(desc, shape),
    readPaths: masksOf(desc, shape, "read"),
    pathPair: maskPairsOf(desc, shape),
    updatePaths: masksOf(desc, shape, "update"),
    maybePaths: (profile) =>
      fc.oneof(
        { arbitrary: masksOf(desc, shape, profile), weight: 9 },
        { arbitrary: fc.constantFrom([], undefined), weight: 1 },
      ),
    junkPaths: masksWithJunk(desc, shape),
  };
  known.set(subject, given);
  return given;
}

function sidesOf(subject: Subject): { readonly protobufEs: Side; readonly tsProto: Side | undefined } {
  const protobufEs = sideOf(subject, subject.protobufEs);
  const { tsProto } = subject;
  return { protobufEs, tsProto: tsProto === undefined ? undefined : sideOf(subject, tsProto, protobufEs) };
}

function sideOf(subject: Subject, target: Target, protobufEs?: Side): Side {
  const { desc } = subject;
  const side: Side = {
    ...target,
    subject,
    get protobufEs() {
      return protobufEs ?? side;
    },
    load: (encoded) => target.decode(encoded.bytes),
    leaves: (message) => leavesOf(desc, target.encode(message)),
    expectSame: (actual, expected) => side.expectSameBytes(target.encode(actual), target.encode(expected)),
    expectSameBytes(actual, expected) {
      // Mostly they are the same bytes, which is much cheaper to see.
      if (Buffer.compare(actual, expected) === 0) return;
      if (canonical(desc, actual) === canonical(desc, expected)) return;
      const [got, wanted] = [leavesOf(desc, actual), leavesOf(desc, expected)];
      expectLeaves(got, wanted, target.name);
      // The same leaves: messages that are set and empty differ.
      assert.equal(canonical(desc, actual), canonical(desc, expected), target.name);
    },
    mask: (profile, paths) => required((profile === "read" ? target.parse : target.parseUpdate)(paths)),
  };
  return side;
}

/** What comes of something: its result, or the text of its error. */
export function outcomeOf<T>(attempt: () => T): T | string {
  try {
    return attempt();
  } catch (error) {
    return String(error);
  }
}

/** Throws if these are not the same leaves. */
export function expectLeaves(
  actual: ReadonlySet<string>,
  expected: ReadonlySet<string>,
  about: string,
): void {
  const more = [...without(actual, expected)];
  const missing = [...without(expected, actual)];
  if (more.length + missing.length === 0) return;
  throw new Error(`${about}: more than expected: ${fc.stringify(more)}; missing: ${fc.stringify(missing)}`);
}

function required(result: MaskResult): Mask {
  if (!result.ok) throw new MaskError(result.violations);
  return result.mask;
}
