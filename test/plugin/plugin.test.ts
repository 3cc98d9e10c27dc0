import { readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, describe, expect, test, vi } from "vitest";
import { plugin } from "../../plugin/src/plugin.ts";
import { head, order, out, request, run } from "./shop.ts";
import { Workspace, repository, shape } from "./workspace.ts";

describe("out.message is found by protobuf's scoping rules:", () => {
  test.each([
    ["Order", "filterOrder"],
    ["shop.v1.Order", "filterOrder"],
    [".shop.v1.Order", "filterOrder"],
    ["v1.Order", "filterOrder"],
    ["Order.Line", "filterOrder_Line"],
    ["shop.v1.Order.Line", "filterOrder_Line"],
  ])("%s", (message, name) => {
    const { error, files } = run(request(out(message)));
    expect(error).toBe("");
    expect(files[0]?.content).toContain(`export function ${name}<`);
  });

  test("the owner's own message comes before one of the same name outside", () => {
    const { files } = run(
      `message Req { message Order { string mine = 1; } google.protobuf.FieldMask m = 1 [${out("Order")}]; }`,
    );
    expect(files[0]?.content).toContain("export function filterReq_Order<");
    expect(files[0]?.content).toContain('"mine"');
  });

  test("a message of an imported file, and of what that passes on", () => {
    const others = {
      "base/base.proto": 'syntax = "proto3"; package base; message Thing { string id = 1; }',
      "mid/mid.proto": 'syntax = "proto3"; package mid; import public "base/base.proto"; message Mid {}',
      "shop/v1/far.proto": `${head.replace("import", 'import "mid/mid.proto"; import')}
        message Req { google.protobuf.FieldMask m = 1 [${out("base.Thing")}]; }`,
    };
    const { error, files } = run("", shape, others);
    expect(error).toBe("");
    expect(files.map(({ name }) => name)).toEqual(["shop/v1/far_fieldmask.ts"]);
    expect(files[0]?.content).toContain('import { Thing } from "../../base/base.ts"');
  });
});

describe("an option that makes no sense is an error that names file, field and message:", () => {
  test.each([
    [out("Nope"), 'out.message "Nope" is not found'],
    [out("Order.Nope"), 'out.message "Order.Nope" is not found'],
    [out(""), "out.message is empty"],
    [out("Color"), 'out.message "Color" is the enum shop.v1.Color, not a message'],
    ['(fieldmask.option.Option).in = {gen: true, resource: "nope"}', 'in.resource "nope" is no field'],
    [
      '(fieldmask.option.Option).in = {gen: true, resource: "name"}',
      'in.resource "name" is not a singular message',
    ],
    [out("google.protobuf.FieldMask"), "google.protobuf.FieldMask is held as a plain value by ts-proto"],
  ])("%s", (option, message) => {
    const { error, files } = run(request(option));
    expect(error).toContain(`shop/v1/shop.proto: shop.v1.GetOrderRequest.read_mask: ${message}`);
    expect(files).toEqual([]);
  });

  test("a list as resource", () => {
    const { error } = run(
      `message Req { repeated Order orders = 1; google.protobuf.FieldMask m = 2
        [(fieldmask.option.Option).in = {gen: true, resource: "orders"}]; }`,
    );
    expect(error).toContain('shop.v1.Req.m: in.resource "orders" is not a singular message field');
  });

  test("a wrapper as resource, which protobuf-es holds as the value in it, too", () => {
    const wrappers = head.replace("import", 'import "google/protobuf/wrappers.proto"; import');
    const body = `${wrappers} message Req {
      google.protobuf.StringValue text = 1;
      google.protobuf.FieldMask m = 2 [(fieldmask.option.Option).in = {gen: true, resource: "text"}];
    }`;
    for (const messages of ["ts-proto", "protobuf-es"]) {
      const { error } = run("", [`messages=${messages}`], { "shop/v1/wraps.proto": body });
      expect(error).toBe(
        `shop/v1/wraps.proto: shop.v1.Req.m: google.protobuf.StringValue is held as a plain value by ${messages}, ` +
          "which no mask can be applied to",
      );
    }
  });

  test("a field that is not a mask", () => {
    expect(run(request(out("Order"), "string read_mask = 2")).error).toContain(
      "shop.v1.GetOrderRequest.read_mask: the option stands on a field that is not a singular google.protobuf.FieldMask",
    );
    expect(run(request(out("Order"), "repeated google.protobuf.FieldMask read_mask = 2")).error).toContain(
      "is not a singular google.protobuf.FieldMask",
    );
  });

  test("a message that exists and is not imported", () => {
    const others = { "base/base.proto": 'syntax = "proto3"; package base; message Thing { string id = 1; }' };
    expect(run(request(out("base.Thing")), shape, others).error).toContain(
      'out.message "base.Thing" is not found; base.Thing is in base/base.proto, which is not imported',
    );
  });

  test("all of them at once", () => {
    const { error } = run(request(out("Nope")) + request(out("Neither")).replace("GetOrder", "ListOrders"));
    expect(error).toContain("GetOrderRequest.read_mask");
    expect(error).toContain("ListOrdersRequest.read_mask");
  });

  test("a message in proto2", () => {
    const others = {
      "old/old.proto": 'syntax = "proto2"; package old; message Thing { optional string id = 1; }',
    };
    const body =
      head.replace("import", 'import "old/old.proto"; import') +
      request(out("old.Thing")).replace("Order order = 1;", "");
    expect(run("", shape, { ...others, "shop/v1/uses.proto": body }).error).toContain(
      "old/old.proto: old.Thing: only proto3 is supported with messages=ts-proto",
    );
  });
});

describe("parameters:", () => {
  const body = request(out("Order"));

  test("one that nobody knows is an error", () => {
    expect(run(body, [...shape, "bogus=1"]).error).toContain("unknown option bogus=1");
  });

  test("a shape that is not supported is an error", () => {
    expect(run(body, [...shape, "useReadonlyTypes=true"]).error).toContain(
      "useReadonlyTypes=true is not supported",
    );
  });

  test("what changes nothing here may be given as well", () => {
    expect(run(body, [...shape, "outputServices=grpc-js", "esModuleInterop=true"]).error).toBe("");
  });

  test.each(["target=js", "target=dts", "target=js+dts"])("%s is an error", (target) => {
    expect(run(body, [...shape, target]).error).toBe("only target=ts is supported");
  });

  test("the path depth is a number from 1 to 9", () => {
    expect(run(body, [...shape, "pathDepth=0"]).error).toContain("pathDepth=0 is not supported");
    expect(run(body, [...shape, "pathDepth=9"]).error).toBe("");
  });
});

test("the option of the later plugin for Go is reported and left out", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  using workspace = new Workspace({ "shop/v1/shop.proto": head + order + request(out("Order")) });
  const request1 = workspace.request();
  const field = request1.protoFile
    .flatMap((file) => file.messageType)
    .find(({ name }) => name === "GetOrderRequest")
    ?.field.find(({ name }) => name === "read_mask");
  const [record] = field?.options?.$unknown ?? [];
  if (field?.options === undefined || record === undefined)
    throw new Error("the option is not where it should be");
  field.options.$unknown = [{ ...record, data: new Uint8Array([2, 8, 1]) }];

  const response = plugin.run(request1);

  expect(response.error).toBe("");
  expect(response.file).toEqual([]);
  expect(warn).toHaveBeenCalledWith(
    expect.stringContaining("shop/v1/shop.proto: shop.v1.GetOrderRequest.read_mask: option 1142 is not"),
  );
  warn.mockRestore();
});

test("that plugin's option of methods is reported, too", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const service = "service Shop { rpc Get(GetOrderRequest) returns (Order) { option deprecated = true; } }";
  using workspace = new Workspace({ "shop/v1/shop.proto": head + order + request(out("Order")) + service });
  const request1 = workspace.request();
  const method = request1.protoFile.flatMap((file) => file.service).flatMap((service) => service.method)[0];
  if (method?.options === undefined) throw new Error("the method has no options");
  // {field_name: "fm"}
  method.options.$unknown = [{ no: 1142, wireType: 2, data: new Uint8Array([4, 10, 2, 102, 109]) }];

  const response = plugin.run(request1);

  expect(response.error).toBe("");
  expect(response.file).toHaveLength(1);
  expect(warn.mock.calls).toEqual([
    [
      "protoc-gen-fieldmask: shop/v1/shop.proto: shop.v1.Shop.Get: option 1142 of a method is that of " +
        "protoc-gen-fieldmask 2 for Go; left out",
    ],
  ]);
  warn.mockRestore();
});

test("a file without masks gives no file", () => {
  expect(run(request('(fieldmask.option.Option).out = {gen: false, message: "Nope"}'))).toEqual({
    error: "",
    files: [],
  });
});

test("the same message behind two masks is written once", () => {
  const { files } = run(request(out("Order")) + request(out("Order")).replace("GetOrder", "ListOrders"));
  expect(files[0]?.content.match(/function keepOrder\(/g)).toHaveLength(1);
  expect(files[0]?.content.match(/const orderSchema/g)).toHaveLength(1);
  expect(files[0]?.content).toContain("export function parseGetOrderRequestReadMask(");
  expect(files[0]?.content).toContain("export function parseListOrdersRequestReadMask(");
});

describe("with the vectors' own protos:", () => {
  const directory = join(repository, "test/proto");
  const proto = (name: string): string => readFileSync(join(directory, name), "utf8");
  const workspace = new Workspace({
    "vectors.proto": proto("vectors.proto"),
    "vectors_service.proto": proto("vectors_service.proto"),
    "google/api/field_behavior.proto": readFileSync(
      join(repository, "proto/google/api/field_behavior.proto"),
      "utf8",
    ),
  });
  afterAll(() => workspace[Symbol.dispose]());

  test("the program answers on its standard output with what the committed file holds", () => {
    const main = join(repository, "plugin/src/main.ts");
    const input = toBinary(CodeGeneratorRequestSchema, workspace.request());
    const node = join(repository, "node_modules/.bin/node");
    const ran = spawnSync(node, ["--conditions=@fieldpost/source", main], { input });
    const response = fromBinary(CodeGeneratorResponseSchema, ran.stdout);
    const committed = readFileSync(
      join(repository, "test/vectors/gen/ts-proto/vectors_service_fieldmask.ts"),
      "utf8",
    );

    expect(ran.stderr.toString()).toBe("");
    expect(response.file.map(({ name }) => name)).toEqual(["vectors_service_fieldmask.ts"]);
    expect(response.file[0]?.content).toBe(committed);
  });

  test("buf generate writes the same", () => {
    expect(workspace.generate()).toEqual({ status: 0, stdout: "", stderr: "" });
    const committed = readFileSync(
      join(repository, "test/vectors/gen/ts-proto/vectors_service_fieldmask.ts"),
      "utf8",
    );
    expect(workspace.read("gen/vectors_service_fieldmask.ts")).toBe(committed);
  });
});

test("buf shows the plugin's errors", () => {
  using workspace = new Workspace({ "shop/v1/shop.proto": head + order + request(out("Nope")) });
  const ran = workspace.generate();
  expect(ran.status).not.toBe(0);
  expect(ran.stderr).toContain(
    'shop/v1/shop.proto: shop.v1.GetOrderRequest.read_mask: out.message "Nope" is not found',
  );
});

test("the plugin says the version of its package", () => {
  const text = readFileSync(join(repository, "plugin/package.json"), "utf8");
  expect(plugin.version).toBe((JSON.parse(text) as { version: string }).version);
});
