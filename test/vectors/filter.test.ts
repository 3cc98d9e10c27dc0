// Properties of generated filters that no single case shows, with any message and any mask.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Account, Tier } from "./gen/ts-proto/vectors.ts";
import type { Node } from "./gen/ts-proto/vectors.ts";
import {
  compileReadAccountRequestReadMask as compileMask,
  compileReadTreeRequestFieldMask,
  filterAccount,
  filterNode,
  parseReadAccountRequestReadMask,
} from "./gen/ts-proto/vectors_service_fieldmask.ts";

const key = fc.constantFrom("a", "b", "home", "__proto__", "constructor", "a.b", "");
const text = fc.string({ maxLength: 4 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const mapOf = <K, V>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<V>) =>
  fc.array(fc.tuple(keys, values), { maxLength: 4 }).map((entries) => new Map(entries));

// ts-proto 2.18 takes -0 for unset when it encodes; that is not about masks.
const double = fc.double({ noNaN: true }).map((value) => value + 0);
const geo = fc.record({ lat: double, lng: fc.constant(1), label: maybe(text) });
const address = fc.record({
  street: text,
  city: text,
  postalCode: text,
  geo: maybe(geo),
  lines: fc.array(text, { maxLength: 2 }),
});
const note = fc.record({ author: text, text });
const item = fc.record({
  sku: text,
  quantity: fc.nat(),
  priceMicros: fc.bigInt({ min: -9n, max: 9n }),
  notes: fc.array(note, { maxLength: 2 }),
  shipTo: maybe(address),
  attrs: mapOf(key, text),
});
const nodeOf = fc.memo((depth): fc.Arbitrary<Node> =>
  fc.record({
    name: text,
    weight: fc.nat(),
    child: depth > 1 ? maybe(nodeOf()) : fc.constant(undefined),
    children: depth > 1 ? fc.array(nodeOf(), { maxLength: 2 }) : fc.constant<Node[]>([]),
    byName: depth > 1 ? mapOf(fc.constantFrom("a", "b"), nodeOf()) : fc.constant(new Map<string, Node>()),
  }),
);
const tree = nodeOf(3);
const payment = fc.oneof(
  fc.record({ $case: fc.constant("invoiceCode" as const), invoiceCode: text }),
  fc.record({ $case: fc.constant("voucherId" as const), voucherId: fc.bigInt({ min: 0n, max: 9n }) }),
  fc.record({ $case: fc.constant("billTo" as const), billTo: address }),
);

const account = fc
  .record({
    name: text,
    items: fc.array(item, { maxLength: 3 }),
    roles: fc.array(text, { maxLength: 3 }),
    labels: mapOf(key, text),
    addresses: mapOf(key, address),
    notesById: mapOf(fc.integer({ min: -3, max: 3 }), note),
    switches: mapOf(fc.boolean(), text),
    counters: mapOf(fc.bigInt({ min: -3n, max: 3n }), text),
    payment: maybe(payment),
    age: maybe(fc.constantFrom(0, 7)),
    nickname: maybe(text),
    tier: fc.constantFrom(Tier.TIER_UNSPECIFIED, Tier.TIER_GOLD),
    avatar: fc.constant(Buffer.from("x")),
    alias: maybe(text),
    quota: maybe(fc.constant(0n)),
    expireTime: maybe(fc.date({ noInvalidDate: true, min: new Date(-9e9), max: new Date(9e12) })),
    settings: maybe(fc.constant({ theme: "dark" })),
    tree: maybe(tree),
  })
  .map((part): Account => ({ ...Account.decode(new Uint8Array()), ...part }));

/** Right and wrong ones, separated by spaces. */
const paths = `
  name items items.*.sku items.*.notes.*.author items.ship_to.geo.lat items.*.attrs.a roles labels labels.a
  labels.\`a.b\` labels.\`\` labels.__proto__ labels.constructor addresses.home addresses.*.city addresses.home.geo
  addresses.*.geo.lng notes_by_id.-3.text notes_by_id.0 switches counters.2 invoice_code bill_to.geo.lat bill_to.street
  voucher_id age nickname alias alias.value quota expire_time expire_time.seconds settings tree.child.name tree
  tree.children.*.by_name.*.weight tree.by_name.a.name tree.by_name.*.child avatar tier hazard.class constructor
  __proto__ toString nope contact.nope items.0.sku * a..b \`
`;
const path = fc.constantFrom(...paths.trim().split(/\s+/));
const mask = fc.array(path, { minLength: 1, maxLength: 8 });

test("filtering twice is filtering once", () => {
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const compiled = compileMask(paths);
      const once = filterAccount(message, compiled);
      expect(filterAccount(once, compiled)).toEqual(once);
    }),
  );
});

test("the order of the paths, and repeats of them, change nothing", () => {
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const turned = [...paths.toReversed(), ...paths];
      expect(filterAccount(message, compileMask(turned))).toEqual(filterAccount(message, compileMask(paths)));
    }),
  );
});

test("what is filtered goes over the wire and comes back the same", () => {
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const filtered = filterAccount(message, compileMask(paths));
      expect(Account.decode(Account.encode(filtered).finish())).toEqual(filtered);
    }),
  );
});

test("filtering by two masks one after the other selects no more than either", () => {
  fc.assert(
    fc.property(account, mask, mask, (message, some, others) => {
      const both = filterAccount(filterAccount(message, compileMask(some)), compileMask(others));
      expect(filterAccount(both, compileMask(some))).toEqual(both);
      expect(filterAccount(both, compileMask(others))).toEqual(both);
    }),
  );
});

test("the message that is filtered does not change, and no prototype does", () => {
  const names = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const before = Account.encode(message).finish();
      const filtered = filterAccount(message, compileMask(paths));
      expect(Account.encode(message).finish()).toEqual(before);
      expect(filtered).not.toBe(message);
      expect(Object.getPrototypeOf(filtered)).toBe(Object.prototype);
      expect(Object.keys(filtered)).toEqual(Object.keys(message));
    }),
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(names);
});

test("a mask that is valid selects the same whether it is read strictly or leniently", () => {
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const strict = parseReadAccountRequestReadMask(paths);
      if (!strict.ok) return;
      expect(filterAccount(message, strict.mask)).toEqual(filterAccount(message, compileMask(paths)));
    }),
  );
});

test("a tree ten times as deep as decoders let through is filtered", () => {
  let deep: Node = { name: "leaf", weight: 1, child: undefined, children: [], byName: new Map() };
  for (let i = 0; i < 1_000; i++)
    deep = { name: "n", weight: 1, child: deep, children: [], byName: new Map() };
  const down = Array.from({ length: 254 }, () => "child").join(".");

  let found: Node | undefined = filterNode(deep, compileReadTreeRequestFieldMask([`${down}.name`]));
  for (let i = 0; i < 254; i++) {
    expect(found?.name).toBe("");
    found = found?.child;
  }
  expect(found).toEqual({ name: "n", weight: 0, child: undefined, children: [], byName: new Map() });
  expect(filterNode(deep, compileReadTreeRequestFieldMask(["child"])).child).toEqual(deep.child);
});

test("what a filter gives shares nothing with what it was given", () => {
  fc.assert(
    fc.property(account, mask, (message, paths) => {
      const filtered = filterAccount(message, compileMask(paths));
      expect(sharedObjects(filtered, message)).toEqual([]);
    }),
  );
});

/** The objects that can be reached from both. */
function sharedObjects(one: unknown, other: unknown): unknown[] {
  const reached = objectsOf(one);
  return [...objectsOf(other)].filter((object) => reached.has(object));
}

function objectsOf(root: unknown): Set<unknown> {
  const found = new Set<unknown>();
  const queue = [root];
  for (const value of queue) {
    if (typeof value !== "object" || value === null || found.has(value)) continue;
    found.add(value);
    if (value instanceof Uint8Array) found.add(value.buffer);
    else if (value instanceof Map) queue.push(...value.values());
    else queue.push(...Object.values(value));
  }
  return found;
}

test("null, as a message made of JSON may have it, is unset", () => {
  const account = {
    ...Account.decode(new Uint8Array()),
    contact: null,
    items: null,
    labels: null,
    avatar: null,
  };
  const filtered = filterAccount(account as never, compileMask(["*"]));
  expect(filtered).toMatchObject({ contact: undefined, items: [], labels: new Map() });
});
