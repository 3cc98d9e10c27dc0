import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { type Logger, createLogger } from "../../server/src/telemetry/log.ts";
import { scrub } from "../../server/src/telemetry/redact.ts";
import { expectInProportion } from "../support/growth.ts";

type Line = Record<string, unknown>;

function recorded(level: "info" | "debug" = "info"): { log: Logger; lines: string[]; last(): Line } {
  const lines: string[] = [];
  const log = createLogger({
    level,
    name: "worker",
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as Line };
}

afterEach(() => context.disable());

describe("a line", () => {
  it("is JSON with level, time, name, pid and message", () => {
    const { log, lines, last } = recorded();
    log.info({ port: 50051 }, "listening");
    expect(lines[0]).toMatch(/\}\n$/);
    expect(last()).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
      name: "worker",
      pid: process.pid,
      port: 50051,
      msg: "listening",
    });
  });

  it("is not written below the level", () => {
    const { log, lines } = recorded();
    log.debug("nobody asked");
    expect(lines).toEqual([]);
  });

  it("carries the ids of the active span, and none where none is active", () => {
    const { log, last } = recorded();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const span = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", traceFlags: 1 };
    context.with(trace.setSpanContext(context.active(), span), () => log.info("in a span"));
    expect(last()).toMatchObject({ trace_id: span.traceId, span_id: span.spanId });
    log.info("outside");
    expect(last()).not.toHaveProperty("trace_id");
  });

  it("writes what JSON does not know", () => {
    const { log, last } = recorded();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    log.info(
      {
        revision: 7n,
        body: Buffer.from("private"),
        url: new URL("http://a/b"),
        labels: new Map([["a", 1]]),
        circle,
      },
      "odd",
    );
    expect(last()).toMatchObject({ revision: "7", body: "[7 bytes]", url: "http://a/b", labels: { a: 1 } });
  });
});

describe("secrets", () => {
  const secret = "hunter2-do-not-print";

  it.each<[string, object]>([
    ["authorization", { headers: { authorization: `Bearer ${secret}` } }],
    ["Proxy-Authorization", { headers: { "Proxy-Authorization": secret } }],
    ["cookie", { cookie: secret }],
    ["set-cookie", { response: { headers: { "set-cookie": [secret] } } }],
    ["x-api-key", { a: { b: { c: { d: { "X-API-Key": secret } } } } }],
    ["any token", { accessToken: secret, token_file: secret }],
    ["any secret", { client_secret: secret }],
    ["a password", { password: secret }],
    ["a header as name and value", { headers: [{ name: "Authorization", value: secret }] }],
    ["headers as pairs", { headers: [["cookie", secret]] }],
    ["raw headers", { headers: ["accept", "*/*", "Cookie", secret] }],
    ["a map", { headers: new Map([["authorization", secret]]) }],
    [
      "what an error carries",
      { err: Object.assign(new Error("no"), { token: secret, options: { auth: secret } }) },
    ],
    ["the cause of an error", { err: new Error("no", { cause: { authorization: secret } }) }],
    ["credentials in an error's message", { err: new Error(`bad header "Authorization: Bearer ${secret}"`) }],
    ["a URL's password", { url: `https://user:${secret}@example.com/` }],
    ["a query parameter", { url: `https://example.com/?a=1&api_key=${secret}&b=2` }],
    [
      "something nested too deep",
      { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: secret } } } } } } } } } } },
    ],
  ])("do not appear: %s", (_what, fields) => {
    const { log, lines } = recorded();
    log.error(fields, "x");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(secret);
    expect(() => JSON.parse(lines[0]!) as unknown).not.toThrow();
  });

  it("do not appear in the message or in the bindings of children and grandchildren", () => {
    const { log, lines } = recorded();
    log.info(`sent Authorization: Basic ${secret}`);
    const child = log.child({ part: "api", token: secret });
    child.info("child");
    child.child({ cookie: secret, deep: { secret } }).info("grandchild");
    expect(lines.join("")).not.toContain(secret);
    expect(JSON.parse(lines[2]!)).toMatchObject({
      part: "api",
      token: "[redacted]",
      deep: { secret: "[redacted]" },
    });
  });

  it("leave what stands beside them readable", () => {
    const { log, last } = recorded();
    log.info({ headers: [{ name: "accept", value: "*/*" }], url: "https://e.com/?a=1&api_key=k&b=2" }, "ok");
    expect(last()).toMatchObject({
      headers: [{ name: "accept", value: "*/*" }],
      url: "https://e.com/?a=1&api_key=[redacted]&b=2",
    });
  });

  it("cost no more than the length of the line to look for", () => {
    expectInProportion(200_000, (count) => {
      const hostile = `?${"token".repeat(count / 5)} //${"a".repeat(count)} bearer ${" ".repeat(count)}`;
      return () => scrub(hostile);
    });
  });
});

describe("an error", () => {
  it("is written with type, stack, plain fields and all its causes", () => {
    const { log, last } = recorded();
    const inner = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
      code: "ECONNREFUSED",
      port: 1,
    });
    log.error(
      { err: new TypeError("fetch failed", { cause: new AggregateError([inner], "all failed") }) },
      "attempt",
    );
    expect(last()).toMatchObject({
      msg: "attempt",
      err: {
        type: "TypeError",
        message: "fetch failed",
        stack: expect.stringContaining("log.test.ts") as unknown,
        cause: {
          type: "AggregateError",
          message: "all failed",
          errors: [{ type: "Error", message: inner.message, code: "ECONNREFUSED", port: 1 }],
        },
      },
    });
  });

  it("may be given alone, and may be its own cause", () => {
    const { log, last } = recorded();
    const error = new Error("round");
    error.cause = error;
    log.error(error);
    expect(last()).toMatchObject({ msg: "round", err: { message: "round", cause: { message: "round" } } });
  });
});

it("on a disk that is full waits until there is room, and does not end the process", () => {
  const directory = mkdtempSync(join(tmpdir(), "fieldpost-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "relay.log");
  const source = (file: string): string => JSON.stringify(import.meta.resolve(`../../server/${file}`));
  const program = `
    import fs from "node:fs";
    import { replaceFd } from ${source("supervisor/src/syscalls.ts")};
    import { createLogger } from ${source("src/telemetry/log.ts")};
    const log = createLogger({ level: "info", name: "worker" });
    log.info("one");
    for (let i = 0; i < 20_000; i++) log.info("more than there is room for");
    replaceFd(fs.openSync(${JSON.stringify(path)}, "a"), 1);
    log.info("lost");
    log.info("two");
  `;
  const full = openSync("/dev/full", "w");
  onTestFinished(() => closeSync(full));
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const messages = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(messages.length).toBeGreaterThan(1000);
  expect(messages.length).toBeLessThan(15_000);
  expect([messages.at(0), messages.at(-1)]).toEqual([
    expect.stringContaining('"msg":"one"'),
    expect.stringContaining('"msg":"two"'),
  ]);
});
