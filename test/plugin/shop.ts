// A small shop, to whose protos tests add what they are about, and what the plugin says of them.

import type { CodeGeneratorRequest } from "@bufbuild/protobuf/wkt";
import { plugin } from "../../plugin/src/plugin.ts";
import { Workspace, shape } from "./workspace.ts";

export const head = `syntax = "proto3";
package shop.v1;
import "fieldmask/option.proto";
import "google/protobuf/field_mask.proto";
`;

export const order = `message Order { string name = 1; Line line = 2; message Line { string sku = 1; } }
message Wrapper { Order order = 1; repeated Order orders = 2; }
enum Color { COLOR_UNSPECIFIED = 0; }
`;

/** A request message `GetOrderRequest` whose mask field has this option. */
export function request(option: string, field = "google.protobuf.FieldMask read_mask = 2"): string {
  return `message GetOrderRequest { Order order = 1; string name = 3; ${field} [${option}]; }\n`;
}

export const out = (message: string): string =>
  `(fieldmask.option.Option).out = {gen: true, message: "${message}"}`;

/** buf takes longer than everything else here, and many tests differ only in the parameters. */
const requests = new Map<string, CodeGeneratorRequest>();

/** Runs the plugin on one file, `shop/v1/shop.proto`, and others. */
export function run(
  body: string,
  parameters: readonly string[] = shape,
  others: Record<string, string> = {},
) {
  const protos = { "shop/v1/shop.proto": head + order + body, ...others };
  const key = JSON.stringify(protos);
  let request = requests.get(key);
  if (request === undefined) {
    using workspace = new Workspace(protos);
    request = workspace.request();
    requests.set(key, request);
  }
  const response = plugin.run({ ...request, parameter: parameters.join(",") });
  return { error: response.error, files: response.file.map(({ name, content }) => ({ name, content })) };
}
