/** A client that stock Go tools make of the bundle of protos, and grpcurl, which knows no protos at all. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRelay } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { enums, messages, services } from "./compiled.ts";
import { documented, withAddresses } from "./documented.ts";
import { openGoModule } from "./go-module.ts";
import type { GoModule } from "./go-module.ts";
import { run } from "./run.ts";
import { documentedOutput, goThroughScenario } from "./scenario.ts";

const opened = await openGoModule("the Go client and grpcurl");
const module = opened as GoModule;
if (typeof opened !== "string") afterAll(() => opened[Symbol.dispose]());

describe.skipIf(typeof opened === "string")("a Go client", () => {
  test("sees what the API promises", { timeout: 120_000 }, async () => {
    const client = await module.build("client");
    await goThroughScenario((relay, target) => run(client, [relay, target]));
  });

  test("as the documentation shows it, runs", { timeout: 120_000 }, async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    module.write("example/main.go", withAddresses(documented("go", "Go"), relay.grpcAddress, target.url));
    const example = await module.build("example");
    expect((await run(example, [])).trim().split("\n")).toEqual(documentedOutput);
    expect(target.requests.map(({ body }) => body.toString())).toEqual(["hello"]);
  });
});

describe.skipIf(typeof opened === "string")("grpcurl, which learns everything by reflection,", () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await startRelay({ workers: 1 });
  });
  afterAll(() => relay[Symbol.asyncDispose]());
  const grpcurl = (...args: string[]): Promise<string> => module.tool("grpcurl", ["-plaintext", ...args]);

  test("lists every service and its methods", async () => {
    const listed = await grpcurl(relay.grpcAddress, "list");
    expect(listed.trim().split("\n")).toEqual(services.map(({ typeName }) => typeName).toSorted());
    for (const { typeName, methods } of services) {
      const names = (await grpcurl(relay.grpcAddress, "list", typeName)).trim().split("\n");
      expect(names).toEqual(methods.map(({ name }) => `${typeName}.${name}`).toSorted());
    }
  });

  test("describes every service, method, message and enum", { timeout: 120_000 }, async () => {
    const kinds = [
      ["service", services.map(({ typeName }) => typeName)],
      ["method", services.flatMap((one) => one.methods.map(({ name }) => `${one.typeName}.${name}`))],
      ["message", messages.map(({ typeName }) => typeName)],
      ["enum", enums.map(({ typeName }) => typeName)],
    ] as const;
    for (const [kind, symbols] of kinds) {
      const missing: string[] = [];
      for (const symbol of symbols) {
        const text = await grpcurl(relay.grpcAddress, "describe", symbol);
        const article = kind === "enum" ? "an" : "a";
        if (!text.startsWith(`${symbol} is ${article} ${kind}:\n`)) missing.push(`${symbol}: ${text}`);
      }
      expect(missing).toEqual([]);
    }
  });

  test("shows the options of fields and methods", async () => {
    const request = await grpcurl(relay.grpcAddress, "describe", "fieldpost.v1.GetJobRequest");
    expect(request).toContain("(.google.api.field_behavior) = REQUIRED");
    expect(request).toContain('(.fieldmask.option.Option) = { out: { gen: true, message: "Job" } }');
    const method = await grpcurl(relay.grpcAddress, "describe", "fieldpost.v1.RelayService.GetJob");
    expect(method).toContain('option (.google.api.http) = { get: "/v1/{name=jobs/*}" };');
  });

  test("calls with JSON in and out, and shows the details of errors", async () => {
    await using target = await startTarget();
    const call = async (method: string, request: object): Promise<unknown> => {
      const [data, name] = [JSON.stringify(request), `fieldpost.v1.RelayService/${method}`];
      return JSON.parse(await grpcurl("-d", data, relay.grpcAddress, name));
    };
    const http = { url: target.url, body: Buffer.from("hello").toString("base64") };
    const job = { http, labels: { team: "field" } };
    expect(await call("Enqueue", { job, jobId: "curl" })).toMatchObject({ name: "jobs/curl" });
    const [request] = await target.received(1);
    expect(request!.body.toString()).toBe("hello");
    const readMask = { paths: ["labels", "max_attempts"] };
    expect(await call("GetJob", { name: "jobs/curl", readMask })).toEqual({
      labels: { team: "field" },
      maxAttempts: 10,
    });

    const failing = ["-format-error", "-d", '{"job":{"priority":10}}', relay.grpcAddress];
    // grpcurl writes the status to standard error and ends with 64 and its code.
    const failure = await grpcurl(...failing, "fieldpost.v1.RelayService/Enqueue").catch(
      (error: Error) => error.cause as { readonly code: number; readonly stderr: string },
    );
    expect(failure).toMatchObject({ code: 64 + 3 });
    expect(JSON.parse((failure as { stderr: string }).stderr)).toMatchObject({
      code: 3,
      details: [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "INVALID_ARGUMENT" },
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "job.http" }, { field: "job.priority" }],
        },
      ],
    });
  });
});
