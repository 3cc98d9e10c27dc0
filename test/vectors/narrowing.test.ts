// A mask that the type checker knows as literals narrows the type of what it is applied to. `npm run check` compiles this
// file; what is expected of types is checked there, and of values here.

import { create } from "@bufbuild/protobuf";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as es from "./gen/protobuf-es/vectors_masks_fieldmask.ts";
import * as esMessages from "./gen/protobuf-es/vectors_pb.ts";
import * as tsProto from "./gen/ts-proto/vectors_masks_fieldmask.ts";
import type { Account, Address, Card, Item } from "./gen/ts-proto/vectors.ts";
import * as tsProtoMessages from "./gen/ts-proto/vectors.ts";

describe("ts-proto", () => {
  const account: Account = {
    ...tsProtoMessages.Account.decode(new Uint8Array()),
    name: "accounts/1",
    displayName: "Ada",
    contact: { email: "a@b.c", phoneNumber: "1", address: undefined, tags: new Map(), note: undefined },
    payment: { $case: "invoiceCode", invoiceCode: "i" },
  };

  test("to the properties that are named", () => {
    const part = tsProto.filterAccount(account, tsProto.maskAccount("display_name", "create_time"));
    expectTypeOf(part).toEqualTypeOf<{ displayName: string; createTime: Date | undefined }>();
    expect([part.displayName, part.createTime]).toEqual(["Ada", undefined]);
    // @ts-expect-error: not named
    expect(part.name).toBe("");
  });

  test("inside of messages, which stay as optional as they are", () => {
    const part = tsProto.filterAccount(account, tsProto.maskAccount("contact.email", "contact.address.city"));
    expectTypeOf(part).toEqualTypeOf<{
      contact: { email: string; address: { city: string } | undefined } | undefined;
    }>();
    expect(part.contact?.email).toBe("a@b.c");
  });

  test("a parent covers its children", () => {
    const part = tsProto.filterAccount(
      account,
      tsProto.maskAccount("contact.address", "contact.address.city"),
    );
    expectTypeOf(part.contact).toEqualTypeOf<{ address: Address | undefined } | undefined>();
    expect(part.contact?.address).toBeUndefined();
  });

  test("inside of lists", () => {
    const part = tsProto.filterAccount(account, tsProto.maskAccount("items.*.notes.*.author", "roles"));
    expectTypeOf(part).toEqualTypeOf<{ items: { notes: { author: string }[] }[]; roles: string[] }>();
    expect(part.items).toEqual([]);
    const whole = tsProto.filterAccount(account, tsProto.maskAccount("items"));
    expectTypeOf(whole).toEqualTypeOf<{ items: Item[] }>();
    expect(whole.items).toEqual([]);
  });

  test("not inside of maps", () => {
    const part = tsProto.filterAccount(account, tsProto.maskAccount("addresses.home.city", "labels.`a.b`"));
    expectTypeOf(part).toEqualTypeOf<{ addresses: Map<string, Address>; labels: Map<string, string> }>();
    expect(part.labels.size).toBe(0);
  });

  test("to the members of a oneof that are named", () => {
    const part = tsProto.filterAccount(account, tsProto.maskAccount("invoice_code", "card"));
    expectTypeOf(part.payment).toEqualTypeOf<
      { $case: "invoiceCode"; invoiceCode: string } | { $case: "card"; card: Card } | undefined
    >();
    expect(part.payment).toEqual({ $case: "invoiceCode", invoiceCode: "i" });
  });

  test("to nothing less than everything where the mask is not known, or is *", () => {
    const unknown = tsProto.filterAccount(account, tsProto.compileReadAccountRequestReadMask(["name"]));
    expectTypeOf(unknown).toEqualTypeOf<Account>();
    const all = tsProto.filterAccount(account, tsProto.maskAccount("*"));
    expectTypeOf(all).toEqualTypeOf<Account>();
    expect([unknown.name, all.displayName]).toEqual(["accounts/1", "Ada"]);
  });

  test("a path that there is not is no argument", () => {
    // @ts-expect-error: no such field
    expect(() => tsProto.maskAccount("nope")).toThrow('"nope" has "nope", which is no field');
    expect(tsProto.filterAccount(account, tsProto.maskAccount())).toEqual(
      tsProtoMessages.Account.decode(new Uint8Array()),
    );
  });
});

describe("protobuf-es", () => {
  const account = create(esMessages.AccountSchema, {
    displayName: "Ada",
    contact: { email: "a@b.c" },
    payment: { case: "card", value: { number: "1" } },
  });

  test("likewise", () => {
    const part = es.filterAccount(account, es.maskAccount("display_name", "contact.email", "card"));
    expectTypeOf(part.displayName).toEqualTypeOf<string>();
    expectTypeOf(part.contact?.email).toEqualTypeOf<string | undefined>();
    expectTypeOf(part.payment).toEqualTypeOf<
      { value: esMessages.Card; case: "card" } | { case: undefined; value?: undefined }
    >();
    expectTypeOf(part.$typeName).toEqualTypeOf<"vectors.v1.Account">();
    // @ts-expect-error: not named
    expect(part.name).toBe("");
    // @ts-expect-error: not named
    expect(part.contact?.phoneNumber).toBe("");
    expect([part.displayName, part.contact?.email, part.payment.value?.number]).toEqual([
      "Ada",
      "a@b.c",
      "1",
    ]);
  });
});
