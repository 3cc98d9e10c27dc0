// The README's programs, each run as the README says.
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import { createInterface } from "node:readline";

import grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";

import { codeBlocks } from "../packages/code-blocks.ts";
import { startProgram } from "../support/relay.ts";
import type { Program } from "../support/relay.ts";
import { echoService } from "./fixtures/echo-service.ts";
import { example, get, targetOf } from "./harness.ts";

function start(worker: string): Program {
  const args = ["--conditions=@fieldpost/source", "--disable-sigusr1", example("main")];
  return startProgram(process.execPath, [...args, `${worker}.ts`, "127.0.0.1:0"]);
}

async function addressOf(program: Program): Promise<string> {
  const [address] = await program.textLine(/^127\.0\.0\.1:\d+$/);
  return address;
}

async function stopped(program: Program): Promise<void> {
  program.signal("SIGTERM");
  expect(await program.exited).toEqual({ code: 0, signal: null });
}

describe("the README's example", () => {
  it("of HTTP answers", async () => {
    await using program = start("http");
    const address = await addressOf(program);
    expect((await get(targetOf(address), "/")).body).toMatch(/^slot \d\n$/);
    await stopped(program);
  });

  it("of raw TCP answers each line, and says goodbye when it is stopped", async () => {
    await using program = start("tcp");
    const socket = net.connect(targetOf(await addressOf(program)));
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.write("first\nsecond\n");
    const [first, second] = [await lines.next(), await lines.next()];
    expect(first.value).toMatch(/^slot \d: first$/);
    expect(second.value).toMatch(/^slot \d: second$/);
    const ended = once(socket, "close");
    await stopped(program);
    expect((await lines.next()).value).toBe("bye");
    expect(await ended).toEqual([false]);
  });

  it("of gRPC answers", async () => {
    await using program = start("grpc");
    const address = await addressOf(program);
    const client = new grpc.Client(address, grpc.credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = echoService.whoAmI;
    const answer = await new Promise<string>((resolve, reject) => {
      const done = (error: grpc.ServiceError | null, value?: Buffer): void =>
        error ? reject(error) : resolve(String(value));
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), done);
    }).finally(() => client.close());
    expect(answer).toMatch(/^slot \d$/);
    await stopped(program);
  });

  it.each(["main", "http", "tcp", "grpc"])("%s.ts is what the README shows", (name) => {
    const readme = fs.readFileSync(new URL("../../server/supervisor/README.md", import.meta.url), "utf8");
    expect(codeBlocks(readme)).toContain(fs.readFileSync(example(name), "utf8"));
  });
});
