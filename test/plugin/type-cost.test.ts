// What the path types cost the type checker: with as many fields as somebody may have, with recursion in three ways and
// in eight, and with a Struct. tsc counts the types it makes, which a busy machine does not change; the time is a bound.

import { join } from "node:path";
import { expect, test } from "vitest";
import { plugin } from "../../plugin/src/plugin.ts";
import { Workspace, repository, shape } from "./workspace.ts";

const count = (length: number, line: (i: number) => string): string =>
  Array.from({ length }, (_, i) => line(i)).join("\n");

const proto = `syntax = "proto3";
package cost.v1;
import "fieldmask/option.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";

${count(30, (i) => `message Part${i} { ${count(30, (f) => `string field_${f} = ${f + 1};`)} }`)}
message Large {
  ${count(30, (i) => `Part${i} part_${i} = ${i + 1};`)}
  ${count(270, (i) => `string text_${i} = ${i + 100};`)}
}
message Node {
  Node next = 1; repeated Node children = 2; map<string, Node> by_name = 3; google.protobuf.Struct struct = 4;
  string name = 5; Large large = 6;
}
message Wide {
  ${count(8, (i) => `Wide way_${i} = ${i + 1};`)}
  ${count(20, (i) => `string text_${i} = ${i + 100};`)}
}
message Request {
  google.protobuf.FieldMask large_mask = 1 [(fieldmask.option.Option).out = {gen: true, message: "Large"}];
  google.protobuf.FieldMask node_mask = 2 [(fieldmask.option.Option).out = {gen: true, message: "Node"}];
  google.protobuf.FieldMask wide_mask = 3 [(fieldmask.option.Option).out = {gen: true, message: "Wide"}];
  Node node = 4;
  google.protobuf.FieldMask update_mask = 5 [(fieldmask.option.Option).in = {gen: true, resource: "node"}];
}
`;

const uses = `
import { includes } from "@fieldpost/fieldmask";
import * as masks from "./gen/cost/v1/cost_fieldmask.ts";
const large = masks.compileRequestLargeMask(["part_29.field_29"]);
const node = masks.compileRequestNodeMask(["next.children.*.large.part_1.field_1"]);
const wide = masks.compileRequestWideMask(["way_1.text_3"]);
export const asked = [
  includes(large, "part_29.field_29"),
  includes(node, "next.children.*.next.large.part_1.field_1"),
  includes(node, "by_name.any.children.*.name"),
  includes(wide, "way_1.text_3"),
  // @ts-expect-error: no such field, in the largest of the types
  includes(node, "next.children.*.next.large.part_1.field_30"),
];
`;

test("the types of large messages cost tsc no more than ts-proto's messages themselves, and seconds", () => {
  using workspace = new Workspace({ "cost/v1/cost.proto": proto });
  // The deepest that one may ask for; the plugin stops before, where a type would become too large.
  expect(workspace.generate([...shape, "pathDepth=9"])).toEqual({ status: 0, stdout: "", stderr: "" });
  workspace.write("package.json", '{ "type": "module" }');
  workspace.write("uses.ts", uses);

  const messages = check(workspace, "gen/cost/v1/cost.ts");
  const all = check(workspace, "uses.ts");

  console.log(
    `tsc: ${messages.types} types in ${messages.seconds} s for the messages, ${all.types} in ${all.seconds} s with the masks`,
  );
  expect(all.types).toBeLessThan(2 * messages.types);
  expect(all.seconds).toBeLessThan(60);
}, 240_000);

test("the types of fifty messages that contain each other are planned in no time", () => {
  const message = (i: number): string => {
    const ways = [1, 2, 3].map((way) => `M${(i * 7 + way * 13) % 50} way_${way} = ${way};`);
    return `message M${i} { ${ways.join(" ")} string name = 9; }`;
  };
  using workspace = new Workspace({
    "knot/v1/knot.proto": `syntax = "proto3"; package knot.v1;
      import "fieldmask/option.proto"; import "google/protobuf/field_mask.proto";
      ${count(50, message)}
      message Request {
        google.protobuf.FieldMask mask = 1 [(fieldmask.option.Option).out = {gen: true, message: "M0"}];
      }`,
  });
  const request = { ...workspace.request(), parameter: shape.join(",") };

  const before = process.cpuUsage();
  const { error, file } = plugin.run(request);
  const { user } = process.cpuUsage(before);

  expect(error).toBe("");
  expect(file[0]?.content).toContain("export type M0Path = M0PathTo5;");
  expect(user / 1e6).toBeLessThan(5);
});

/** What tsc needs for a file and all that it imports. Fails if it finds anything wrong. */
function check(workspace: Workspace, file: string): { types: number; seconds: number } {
  const config = { extends: join(repository, "tsconfig.json"), include: [file], exclude: [] };
  workspace.write("tsconfig.json", JSON.stringify(config));
  const { status, stdout } = workspace.run("tsc", "-p", ".", "--extendedDiagnostics");
  expect({ status, errors: stdout.match(/error TS.*/g) }).toEqual({ status: 0, errors: null });
  const figure = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+([\\d.]+)`, "m").exec(stdout)?.[1]);
  return { types: figure("Types"), seconds: figure("Check time") };
}
