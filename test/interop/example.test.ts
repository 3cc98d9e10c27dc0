/** The example service of the plugin, called by a client that stock Python tools make of its proto. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { openPython } from "./python.ts";
import type { Python } from "./python.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "plugin/example");
const opened = await openPython(
  "the example service from Python",
  fileURLToPath(new URL("python/requirements.txt", import.meta.url)),
);

describe.skipIf(typeof opened === "string")("the example service, from Python", () => {
  const python = opened as Python;
  afterAll(() => python[Symbol.dispose]());

  test("answers and changes what a FieldMask names", async () => {
    const protos = ["-I", join(example, "proto"), "-I", join(root, "plugin/proto")];
    const outputs = ["--python_out=.", "--grpc_python_out=."];
    const files = ["user_info.proto", "fieldmask/option.proto"];
    await python.python(["-m", "grpc_tools.protoc", ...protos, ...outputs, ...files]);

    const server = spawn(
      process.execPath,
      ["--conditions=@fieldpost/source", join(example, "server.ts"), "127.0.0.1:0"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
    try {
      const address = ((await lines.next()).value as string).replace("listening on ", "");
      expect((await python.python([join(example, "client.py"), address])).trim().split("\n")).toEqual([
        'name only: name: "Ada"',
        'part of the address: user_id: "ada" address {   country: "UK" }',
        'a new email: name: "Ada" email: "countess@example.com"',
        'no email: name: "Ada"',
        'a new province: address {   province: "Somerset" }',
        'without a mask, what is set: user_id: "ada" name: "Ada Lovelace" address {   province: "Somerset" }',
        'INVALID_ARGUMENT: The path "Name" has "Name", which is no field of example.v1.UserInfoResponse. Did you mean name?',
        'INVALID_ARGUMENT: The path "address.zip" has "zip", which is no field of example.v1.Address.',
      ]);
    } finally {
      const exited = once(server, "exit");
      server.kill("SIGTERM");
      // Whoever did not ask for the address caused no lookup.
      expect((await lines.next()).value).toBe("addresses looked up: 1");
      expect(await exited).toEqual([0, null]);
    }
  });
});
