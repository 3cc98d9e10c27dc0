/** A client that stock Python tools make of the bundle of protos. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeProtoBundle } from "../support/proto-bundle.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { reachableMessages, services, signatures } from "./compiled.ts";
import { documented, withAddresses } from "./documented.ts";
import { openPython } from "./python.ts";
import type { Python } from "./python.ts";
import { documentedOutput, goThroughScenario } from "./scenario.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const opened = await openPython("the Python client", here("python/requirements.txt"));

describe.skipIf(typeof opened === "string")("a Python client", () => {
  const python = opened as Python;

  beforeAll(async () => {
    writeProtoBundle(join(python.folder, "protos"));
    // As proto/README.md says it, but for pip, which has run, and the example, which is for later.
    const [install, generate, example] = documented("sh", "Python").trim().split("\n");
    expect(install).toMatch(/^pip install /);
    expect(example).toBe("python example.py");
    await python.shell(generate!);
  }, 60_000);
  afterAll(() => python[Symbol.dispose]());

  test("sees what the API promises", async () => {
    await goThroughScenario((relay, target) => python.python([here("python/client.py"), relay, target]));
  });

  test("as the documentation shows it, runs", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const example = withAddresses(documented("python", "Python"), relay.grpcAddress, target.url);
    writeFileSync(join(python.folder, "example.py"), example);
    expect((await python.python(["example.py"])).trim().split("\n")).toEqual(documentedOutput);
    expect(target.requests.map(({ body }) => body.toString())).toEqual(["hello"]);
  });

  test("can do without protos: it learns all of them by reflection", async () => {
    await using relay = await startRelay({ workers: 1 });
    const learned = await python.python([here("python/reflection.py"), relay.grpcAddress]);
    expect(JSON.parse(learned)).toEqual({
      services: services.map(({ typeName }) => typeName).toSorted(),
      methods: signatures,
      messages: reachableMessages(),
      options: {
        "fieldmask.option.Option": ["fieldmask/option.proto", 1142],
        "google.api.field_behavior": ["google/api/field_behavior.proto", 1052],
        "google.api.http": ["google/api/annotations.proto", 72295728],
      },
      numbers: {
        "google.protobuf.FieldOptions": [1052, 1142],
        "google.protobuf.MethodOptions": [72295728],
      },
    });
  });
});
