// What the plugin writes is accepted by tsc under the strict flags of this repository, and by Node's type stripping,
// and does what it should: with a proto that holds everything that is awkward in ts-proto's output.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Workspace, repository } from "./workspace.ts";

const awkward = `syntax = "proto3";
package awkward.v1;
import "fieldmask/option.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "other/v1/other.proto";

enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; }

// Names that the generated file or JavaScript has a use for itself. With Map or Buffer, ts-proto's own output fails.
message Part { string name = 1; }
message Error { string name = 1; }
message Date { string name = 1; }
message Mask { string name = 1; }
message Message { string name = 1; }
message MessageTree { string name = 1; }
message Violation { string name = 1; }
message Status { string name = 1; }
message ReadRequestReadMask { string name = 1; }
message Nothing {}

message Everything {
  double a_double = 1; float a_float = 2; int32 an_int32 = 3; int64 an_int64 = 4; uint32 a_uint32 = 5;
  uint64 a_uint64 = 6; sint32 a_sint32 = 7; sint64 a_sint64 = 8; fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10;
  sfixed32 a_sfixed32 = 11; sfixed64 a_sfixed64 = 12; bool a_bool = 13; string a_string = 14; bytes some_bytes = 15;
  Color color = 16;

  optional int64 maybe_int64 = 20; optional bytes maybe_bytes = 21; optional Color maybe_color = 22;
  optional Part maybe_part = 23;

  repeated int64 int64s = 30; repeated bytes bytess = 31; repeated Color colors = 32; repeated Error buffers = 33;

  map<string, bytes> bytes_by_name = 40; map<int64, Color> color_by_number = 41; map<uint64, Date> date_by_number = 42;
  map<bool, Message> message_by_flag = 43; map<sint32, google.protobuf.Timestamp> time_by_number = 44;
  map<string, google.protobuf.StringValue> text_by_name = 45; map<string, google.protobuf.Value> value_by_name = 46;

  google.protobuf.DoubleValue w_double = 50; google.protobuf.FloatValue w_float = 51;
  google.protobuf.Int64Value w_int64 = 52; google.protobuf.UInt64Value w_uint64 = 53;
  google.protobuf.Int32Value w_int32 = 54; google.protobuf.UInt32Value w_uint32 = 55;
  google.protobuf.BoolValue w_bool = 56; google.protobuf.StringValue w_string = 57;
  google.protobuf.BytesValue w_bytes = 58;
  repeated google.protobuf.StringValue w_strings = 59; repeated google.protobuf.Int64Value w_int64s = 60;

  google.protobuf.Timestamp time = 70; repeated google.protobuf.Timestamp times = 71;
  google.protobuf.Duration duration = 72; google.protobuf.Struct struct = 73; google.protobuf.Value value = 74;
  google.protobuf.ListValue list_value = 75; google.protobuf.Any any = 76; google.protobuf.Empty empty = 77;
  google.protobuf.FieldMask field_mask = 78; repeated google.protobuf.Struct structs = 79;
  google.protobuf.NullValue null_value = 81;

  oneof one_of_many {
    string in_text = 90; google.protobuf.Timestamp in_time = 91; google.protobuf.StringValue in_wrapper = 92;
    Mask in_mask = 93; google.protobuf.Struct in_struct = 94; bytes in_bytes = 95; Color in_color = 96;
    google.protobuf.Empty in_empty = 97; google.protobuf.Value in_value = 99;
  }
  oneof second { Violation violation = 110; }

  Status status = 120; other.v1.Status other_status = 121; MessageTree tree = 122; Nothing nothing = 123;
  Inner inner = 124; Inner.Deeper deeper = 125; ReadRequestReadMask mask_name = 126; Ping ping = 127;

  string UPPER_CASE = 140; string mixedCase = 141; string trailing_ = 142; string _leading = 143; string a__b = 144;
  string address_1 = 145; string constructor = 146; string __proto__ = 147; string class = 148; string then = 149;
  string fields = 150; string message = 151; string undefined = 152; string hasOwnProperty = 153;

  message Inner { string x = 1; message Deeper { string y = 1; } Deeper deeper = 2; }
}

message Ping { Pong pong = 1; repeated Pong pongs = 2; string name = 3; }
message Pong { Ping ping = 1; map<string, Ping> pings = 2; string name = 3; }

// Eight ways into itself: five levels of them would be tens of thousands of paths.
message Wide {
  Wide a = 1; Wide b = 2; Wide c = 3; Wide d = 4; Wide e = 5; Wide f = 6; repeated Wide g = 7; Wide h = 8; string name = 9;
}

message ReadRequest {
  google.protobuf.FieldMask read_mask = 1 [(fieldmask.option.Option).out = {gen: true, message: "Everything"}];
  google.protobuf.FieldMask wide_mask = 2 [(fieldmask.option.Option).out = {gen: true, message: "Wide"}];
  google.protobuf.FieldMask empty_mask = 3 [(fieldmask.option.Option).out = {gen: true, message: "Nothing"}];
  google.protobuf.FieldMask both = 4 [
    (fieldmask.option.Option).in = {gen: true},
    (fieldmask.option.Option).out = {gen: true, message: "Ping"}
  ];
  message Nested {
    Everything thing = 1;
    google.protobuf.FieldMask update_mask = 2 [(fieldmask.option.Option).in = {gen: true, resource: "thing"}];
  }
}
`;

const other = `syntax = "proto3"; package other.v1; message Status { int32 code = 1; }`;

const typeTests = `
import { compileMask, includes, touches } from "@fieldpost/fieldmask";
import type { Mask } from "@fieldpost/fieldmask";
import * as masks from "./gen/awkward/v1/awkward_fieldmask.ts";
import type { PingPath, ReadRequestBothPath, ReadRequestReadMaskPath, WidePath } from "./gen/awkward/v1/awkward_fieldmask.ts";

const mask = masks.compileReadRequestReadMask(["time"]);
includes(mask, "time");
includes(mask, "time.seconds");
includes(mask, "bytes_by_name.anything");
includes(mask, "date_by_number.17.name");
includes(mask, "message_by_flag.*.name");
includes(mask, "in_mask.name");
includes(mask, "*");
touches(mask, "inner.deeper.y");
// @ts-expect-error: no such field
includes(mask, "nope");
// @ts-expect-error: the property's name is not the field's
includes(mask, "anInt32");
// @ts-expect-error: the name of a oneof is no path
touches(mask, "one_of_many");
// @ts-expect-error: a list needs a star
touches(mask, "buffers.name");
touches(mask, "buffers.*.name");

const update = masks.compileReadRequest_NestedUpdateMask(["inner"]);
touches(update, "inner.deeper");
// @ts-expect-error: a list stands last in an update mask
touches(update, "buffers.*.name");

const deep: PingPath = "pong.ping.pong.ping.name";
// @ts-expect-error: deeper than the type goes
const tooDeep: PingPath = "pong.ping.pong.ping.pong.ping.pong.ping.pong.ping.name";
const wide: WidePath = "a.b.name";
const both: ReadRequestBothPath[] = ["*", "pongs.*.ping"];
const read: ReadRequestReadMaskPath = "status.name";
// @ts-expect-error: a mask of another message
masks.filterWide({} as never, mask);
const loose: Mask = mask;
export { both, compileMask, deep, loose, read, tooDeep, wide };
`;

const behaviour = `
import assert from "node:assert/strict";
import * as messages from "./gen/awkward/v1/awkward.ts";
import * as masks from "./gen/awkward/v1/awkward_fieldmask.ts";

const { Everything } = messages;
// Not fromPartial: given nothing, ts-proto 2.18 takes the constructor from Object.prototype there.
const empty = Everything.decode(new Uint8Array());
const none = { emptyMask: "nothing" } as const;
const time = new Date(-1500);

const full = {
  ...empty,
  anInt64: 4n, someBytes: Buffer.from([1]), color: 1, int64s: [1n], buffers: [{ name: "b" }],
  dateByNumber: new Map([[17n, { name: "d" }], [18n, { name: "e" }]]),
  messageByFlag: new Map([[true, { name: "m" }]]),
  timeByNumber: new Map([[-3, time]]),
  textByName: new Map([["a", "text"]]),
  wString: "w", wStrings: ["w"], time, times: [time], duration: { seconds: 3n, nanos: 4 },
  struct: { any: "thing" }, fieldMask: ["a"], oneOfMany: { $case: "inWrapper", inWrapper: "wrapped" },
  status: { name: "s" }, otherStatus: { code: 5 }, nothing: {}, upperCase: "U",
} as messages.Everything;

const filter = (...paths: string[]) => masks.filterEverything(full, masks.compileReadRequestReadMask(paths));
const only = (part: object) => ({ ...empty, ...part });

// What is not selected is what ts-proto holds for an unset field.
assert.deepStrictEqual(masks.filterEverything(full, masks.compileReadRequestReadMask([], none)), empty);
assert.deepStrictEqual(masks.filterEverything(full, masks.compileReadRequestReadMask([])), full);
assert.notEqual(masks.filterEverything(full, masks.compileReadRequestReadMask([])), full);
assert.deepStrictEqual(masks.filterWide({ ...messages.Wide.fromPartial({}), name: "w" }, masks.compileReadRequestWideMask([], none)), messages.Wide.fromPartial({}));
assert.deepStrictEqual(masks.filterNothing({}, masks.compileReadRequestEmptyMask(["x"])), {});

assert.deepStrictEqual(filter("an_int64", "UPPER_CASE"), only({ anInt64: 4n, upperCase: "U" }));
assert.deepStrictEqual(filter("buffers.*.nope"), only({ buffers: [{ name: "" }] }));
assert.deepStrictEqual(filter("date_by_number.17"), only({ dateByNumber: new Map([[17n, { name: "d" }]]) }));
assert.deepStrictEqual(filter("message_by_flag.*.name"), only({ messageByFlag: new Map([[true, { name: "m" }]]) }));
assert.deepStrictEqual(filter("time.seconds"), only({ time: new Date(-2000) }));
assert.deepStrictEqual(filter("time.nanos", "times.*.nope"), only({ time: new Date(500), times: [new Date(0)] }));
assert.deepStrictEqual(filter("time.nanos", "time.seconds"), only({ time }));
assert.deepStrictEqual(filter("time_by_number.-3.seconds"), only({ timeByNumber: new Map([[-3, new Date(-2000)]]) }));
assert.deepStrictEqual(filter("w_string.value", "w_strings.*.value"), only({ wString: "w", wStrings: ["w"] }));
assert.deepStrictEqual(filter("w_string.nope", "w_strings.*.nope"), only({ wString: "", wStrings: [""] }));
assert.deepStrictEqual(filter("text_by_name.a.nope"), only({ textByName: new Map([["a", ""]]) }));
assert.deepStrictEqual(filter("field_mask.paths"), only({ fieldMask: ["a"] }));
assert.deepStrictEqual(filter("field_mask.nope"), only({ fieldMask: [] }));
assert.deepStrictEqual(filter("in_text"), empty);
assert.deepStrictEqual(filter("in_wrapper"), only({ oneOfMany: { $case: "inWrapper", inWrapper: "wrapped" } }));
assert.deepStrictEqual(filter("in_wrapper.nope"), only({ oneOfMany: { $case: "inWrapper", inWrapper: "" } }));
assert.deepStrictEqual(filter("struct", "nothing"), only({ struct: { any: "thing" }, nothing: {} }));
// Inside of a Struct nothing can be selected: it is a plain value in ts-proto.
assert.deepStrictEqual(filter("struct.fields"), empty);
assert.equal(masks.validateReadRequestReadMask(["struct.fields"])[0]?.reason, "NO_FIELDS_BELOW");
assert.deepStrictEqual(filter("status.name", "other_status.code"), only({ status: { name: "s" }, otherStatus: { code: 5 } }));

// A mask for both sides: each side knows its own paths, and does not mind the other's.
assert.deepEqual(masks.validateReadRequestBoth(["name", "empty_mask"]), []);
assert.deepEqual(masks.validateReadRequestBothIn(["pongs.*.name", "empty_mask"]), []);
assert.equal(masks.validateReadRequestBothIn(["nope"]).length, 1);

// A mask of another message is refused, in case the types did not say so.
assert.throws(() => masks.filterWide(messages.Wide.fromPartial({}), masks.compileReadRequestReadMask(["name"]) as never), TypeError);
console.log("all is well");
`;

describe("the output for awkward messages", () => {
  const workspace = new Workspace({ "awkward/v1/awkward.proto": awkward, "other/v1/other.proto": other });
  beforeAll(() => {
    const generated = workspace.generate();
    if (generated.status !== 0) throw new Error(generated.stderr);
    workspace.write("package.json", '{ "type": "module" }');
    workspace.write("types.ts", typeTests);
    workspace.write("behaviour.ts", behaviour);
  });
  afterAll(() => workspace[Symbol.dispose]());

  test("is accepted by tsc, and its types tell right paths from wrong ones", () => {
    const config = {
      extends: join(repository, "tsconfig.json"),
      include: ["types.ts", "behaviour.ts"],
      exclude: [],
    };
    workspace.write("tsconfig.json", JSON.stringify(config));
    expect(workspace.run("tsc", "-p", ".")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("runs under type stripping, and filters", () => {
    expect(workspace.run("node", "--conditions=@fieldpost/source", "behaviour.ts")).toEqual({
      status: 0,
      stdout: "all is well\n",
      stderr: "",
    });
  });

  test("bounds the type of a message with many ways into itself", () => {
    const text = workspace.read("gen/awkward/v1/awkward_fieldmask.ts");
    expect(text).toMatch(/export type WidePath = WidePathTo[2-4];/);
    expect(text).toContain("export type PingPath = PingPathTo5;");
  });

  test("is the same every time", () => {
    const before = workspace.read("gen/awkward/v1/awkward_fieldmask.ts");
    expect(workspace.generate().status).toBe(0);
    expect(workspace.read("gen/awkward/v1/awkward_fieldmask.ts")).toBe(before);
  });
});
