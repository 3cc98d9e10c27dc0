// Mask fields as they may stand in a proto: where, how many, of what, and what is made of their names.

import { describe, expect, test } from "vitest";
import { head, out, request, run } from "./shop.ts";
import { shape } from "./workspace.ts";

const mask = (name: string, number: number, ...options: string[]): string =>
  `google.protobuf.FieldMask ${name} = ${number} [${options.join(", ")}];`;
const into = (resource = ""): string =>
  `(fieldmask.option.Option).in = {gen: true${resource === "" ? "" : `, resource: "${resource}"`}}`;

/** For which masks there is something, by what their names begin with. */
function masksOf(body: string): string[] {
  const { error, files } = run(body);
  expect(error).toBe("");
  return files.flatMap(({ content }) => content.match(/(?<=^export function parse)\w+/gm) ?? []);
}

describe("masks:", () => {
  test("several in one message, of all kinds", () => {
    const body = `message Req {
      Order order = 1;
      ${mask("read_mask", 2, out("Order"))}
      ${mask("line_mask", 3, out("Order.Line"))}
      ${mask("update_mask", 4, into("order"))}
      ${mask("own_mask", 5, into())}
      ${mask("both_mask", 6, into("order"), out("Wrapper"))}
      google.protobuf.FieldMask plain_mask = 7;
    }`;
    expect(masksOf(body)).toEqual([
      "ReqReadMask",
      "ReqLineMask",
      "ReqUpdateMask",
      "ReqOwnMask",
      "ReqBothMask",
      "ReqBothMaskIn",
    ]);
  });

  test("in a nested message, and `optional`", () => {
    const body = `message Outer { message Req {
      ${mask("read_mask", 1, out("Order"))}
      optional ${mask("line_mask", 3, out("Order.Line"))}
    } }`;
    expect(masksOf(body)).toEqual(["Outer_ReqReadMask", "Outer_ReqLineMask"]);
  });

  test("of the message that holds it, which holds itself", () => {
    const body = `message Req { Req req = 1; repeated Req reqs = 2; map<string, Req> by_name = 3; ${mask("m", 4, into())} }`;
    const { error, files } = run(body);
    expect(error).toBe("");
    expect(files[0]?.content.match(/^function keepReq\(/gm)).toHaveLength(1);
    expect(files[0]?.content).toContain('["by_name", 3, mapOf("string", reqSchema), { property: "byName" }]');
  });

  test("with one side switched off have the plain name", () => {
    const off = "(fieldmask.option.Option).in = {gen: false}";
    expect(masksOf(`message Req { ${mask("read_mask", 1, off, out("Order"))} }`)).toEqual(["ReqReadMask"]);
    const none = '(fieldmask.option.Option).out = {gen: false, message: "Order"}';
    expect(masksOf(`message Req { ${mask("read_mask", 1, into(), none)} }`)).toEqual(["ReqReadMask"]);
  });

  test("in one statement or in several are the same", () => {
    const one = `message Req { Order order = 1; ${mask("m", 2, '(fieldmask.option.Option) = {in: {gen: true, resource: "order"}, out: {gen: true, message: "Order"}}')} }`;
    const several = `message Req { Order order = 1; ${mask("m", 2, "(fieldmask.option.Option).in.gen = true", '(fieldmask.option.Option).in.resource = "order"', "(fieldmask.option.Option).out.gen = true", '(fieldmask.option.Option).out.message = "Order"')} }`;
    expect(run(one).error).toBe("");
    expect(run(several)).toEqual(run(one));
  });

  test("of a message that another file passes on from a third, and nested in it", () => {
    const others = {
      "base/base.proto":
        'syntax = "proto3"; package base; message Thing { message Part { string id = 1; } Part part = 1; }',
      "mid/mid.proto": 'syntax = "proto3"; package mid; import public "base/base.proto"; message Mid {}',
      "shop/v1/far.proto": `${head.replace("import", 'import "mid/mid.proto"; import')}
        message Req { ${mask("m", 1, out("base.Thing.Part"))} }`,
    };
    const { error, files } = run("", shape, others);
    expect(error).toBe("");
    expect(files[0]?.content).toContain('import { Thing_Part } from "../../base/base.ts"');
  });
});

describe("an error names file, field and message where", () => {
  test.each([
    ["the mask is a list", "repeated google.protobuf.FieldMask m = 2", out("Order")],
    ["the mask is a map", "map<string, google.protobuf.FieldMask> m = 2", out("Order")],
    ["the mask is a text", "string m = 2", into()],
  ])("%s", (_, field, option) => {
    expect(run(`message Req { ${field} [${option}]; }`).error).toBe(
      "shop/v1/shop.proto: shop.v1.Req.m: the option stands on a field that is not a singular google.protobuf.FieldMask",
    );
  });

  test("the mask is a member of a oneof", () => {
    expect(run(`message Req { oneof which { ${mask("m", 1, out("Order"))} } }`).error).toBe(
      "shop/v1/shop.proto: shop.v1.Req.m: the option stands on a member of a oneof",
    );
  });

  test.each(["google.protobuf.Struct", "google.protobuf.StringValue", "google.protobuf.Timestamp"])(
    "%s is asked for, which ts-proto holds as a plain value",
    (name) => {
      const imports = ["struct", "wrappers", "timestamp"].map(
        (file) => `import "google/protobuf/${file}.proto";`,
      );
      const file = `${head}${imports.join("")} message Req { ${mask("m", 1, out(name))} }`;
      expect(run("", shape, { "shop/v1/req.proto": file }).error).toBe(
        `shop/v1/req.proto: shop.v1.Req.m: ${name} is held as a plain value by ts-proto, which no mask can be applied to`,
      );
    },
  );

  test("the innermost scope knows the first part of a name as something else", () => {
    const services = "service Base { rpc Get(Order) returns (Order); }";
    const others = {
      "base/base.proto": 'syntax = "proto3"; package Base; message Thing { string id = 1; }',
      "shop/v1/req.proto": `${head}import "base/base.proto"; import "shop/v1/shop.proto"; message Req { ${mask("m", 1, out("Base.Thing"))} }`,
    };
    expect(run(services, shape, others).error).toContain(
      'shop/v1/req.proto: shop.v1.Req.m: out.message "Base.Thing" is not found',
    );
    expect(
      run(services, shape, {
        ...others,
        "shop/v1/req.proto": others["shop/v1/req.proto"].replace('"Base.', '".Base.'),
      }).error,
    ).toBe("");
  });

  test("two masks would have the same names", () => {
    const both = `message Req { Order order = 1; ${mask("m", 2, into("order"), out("Order"))} ${mask("m_in", 3, out("Order"))} }`;
    expect(run(both).error).toBe(
      "shop/v1/shop.proto: shop.v1.Req.m and shop.v1.Req.m_in would both be ReqMInPath in the generated code; rename one",
    );
    const parts = `message Get { ${mask("order_mask", 1, out("Order"))} } message GetOrder { ${mask("mask", 1, out("Order"))} }`;
    expect(run(parts).error).toBe(
      "shop/v1/shop.proto: shop.v1.Get.order_mask and shop.v1.GetOrder.mask would both be GetOrderMaskPath in the generated code; rename one",
    );
  });

  test("ts-proto writes messages to the file that masks would be written to", () => {
    const others = { "shop/v1/shop_fieldmask.proto": 'syntax = "proto3"; package other; message Other {}' };
    const body = request(out("Order"));
    expect(run(body, shape, others).error).toBe(
      "shop/v1/shop.proto: shop/v1/shop_fieldmask.ts is also the file of the messages of shop/v1/shop_fieldmask.proto",
    );
    expect(run(body, [...shape, "fileSuffix=_pb"], others).error).toBe("");
  });
});

describe("what ts-proto itself gets wrong is an error:", () => {
  const read = (fields: string): string =>
    `message Odd { ${fields} } message Req { ${mask("m", 1, out("Odd"))} }`;
  const without = (name: string): string[] => shape.filter((parameter) => !parameter.startsWith(`${name}=`));

  test("a property or a oneof named __proto__", () => {
    const message = "ts-proto cannot have a property __proto__; use snakeToCamel=true";
    const field = read("string __proto__ = 1;");
    expect(run(field).error).toBe("");
    expect(run(field, [...shape, "snakeToCamel=false"]).error).toBe(
      `shop/v1/shop.proto: shop.v1.Odd.__proto__: ${message}`,
    );
    const oneof = read("oneof __proto__ { string a = 1; string b = 2; }");
    expect(run(oneof, [...shape, "snakeToCamel=false"]).error).toContain(message);
    expect(run(oneof, [...without("oneof"), "snakeToCamel=false"]).error).toBe("");
    const renamed = read('string a = 1 [json_name = "__proto__"];');
    expect(run(renamed, [...shape, "useJsonName=true"]).error).toContain(message);
  });

  test("a member of a union with another name in JSON", () => {
    const body = read('oneof which { string first_one = 1; string b = 2 [json_name = "B"]; }');
    expect(run(body, [...shape, "useJsonName=true"]).error).toBe(
      "shop/v1/shop.proto: shop.v1.Odd.b: with useJsonName=true and oneof=unions, ts-proto calls this member b " +
        "in the type of which, but decodes it as B; use oneof=properties, or the same json_name",
    );
    expect(run(body, [...without("oneof"), "useJsonName=true"]).error).toBe("");
    const plain = body
      .replace("[json_name", '[json_name = "b"]; string c = 3 [json_name')
      .replace(/string c.*?;/, "");
    expect(run(plain, [...shape, "useJsonName=true"]).error).toBe("");
    expect(run(plain, [...shape, "useJsonName=true", "snakeToCamel=false"]).error).toContain(
      "shop.v1.Odd.first_one: with useJsonName=true",
    );
  });

  test("two fields in one property", () => {
    const body = read("string UPPER_CASE = 1; string upperCase = 2;");
    expect(run(body).error).toBe(
      "shop/v1/shop.proto: shop.v1.Odd: ts-proto would hold UPPER_CASE and upperCase in one property, upperCase",
    );
    expect(run(body, [...shape, "snakeToCamel=false"]).error).toBe("");
    const oneof = read("oneof UP_PER { string a = 1; string b = 2; } string upPer = 3;");
    expect(run(oneof).error).toContain("ts-proto would hold UP_PER and upPer in one property, upPer");
    expect(run(oneof, without("oneof")).error).toBe("");
  });

  test("two messages of one name", () => {
    const body = `message Odd { Line line = 1; OddLine odd_line = 2; message Line { string a = 1; } }
      message OddLine { string b = 1; } message Req { ${mask("m", 1, out("Odd"))} }`;
    expect(run(body).error).toBe("");
    expect(run(body, [...shape, "useSnakeTypeName=false"]).error).toBe(
      "shop/v1/shop.proto: for ts-proto, shop.v1.Odd.Line and shop.v1.OddLine are both OddLine of ./shop/v1/shop.ts; rename one",
    );
  });
});
