/** What stands beside the RPCs: reflection, gRPC health, /healthz and /readyz. */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { startRelay, until } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { callRaw, listServices, post } from "./setting.ts";

const serviceName = "fieldpost.v1.RelayService";
const SERVING = 1;
const NOT_SERVING = 2;

const identity = (bytes: Buffer): Buffer => bytes;
const healthRequest = (service: string): Buffer =>
  service === "" ? Buffer.alloc(0) : Buffer.from(new BinaryWriter().uint32(10).string(service).finish());

/** grpc.health.v1.HealthCheckResponse.status */
function readHealth(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  return reader.len === 0 ? 0 : (reader.uint32(), reader.int32());
}

async function health(relay: Relay, service: string): Promise<number> {
  return readHealth(await callRaw(relay.client, "/grpc.health.v1.Health/Check", healthRequest(service)));
}

/** Opens grpc.health.v1.Health/Watch; `next` gives the statuses one by one, then undefined. */
function watchHealth(relay: Relay): { next(): Promise<number | undefined> } {
  const call = relay.client.channel.makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    identity,
    identity,
    healthRequest(serviceName),
    new Metadata(),
    {},
  );
  const statuses = call[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    async next() {
      try {
        const { value, done } = await statuses.next();
        return done === true ? undefined : readHealth(value);
      } catch {
        return undefined;
      }
    },
  };
}

describe("reflection", () => {
  test.each(["v1", "v1alpha"])("lists the service (%s)", async (version) => {
    await using relay = await startRelay({ workers: 1 });
    expect(await listServices(relay, version)).toContain(serviceName);
    expect(await relay.stop()).toBe(0);
  });
});

describe("health", () => {
  test("says SERVING of the whole and of the service, NOT_FOUND of others", async () => {
    await using relay = await startRelay({ workers: 1 });
    expect(await health(relay, "")).toBe(SERVING);
    expect(await health(relay, serviceName)).toBe(SERVING);
    await expect(health(relay, "other")).rejects.toMatchObject({ code: 5 });
  });

  test("tells a watcher NOT_SERVING when the drain begins, and the watcher does not hold the drain up", async () => {
    await using relay = await startRelay({ workers: 1 });
    const watch = watchHealth(relay);
    expect(await watch.next()).toBe(SERVING);
    const begin = Date.now();
    relay.signal("SIGTERM");
    expect(await watch.next()).toBe(NOT_SERVING);
    expect(await relay.exited).toEqual({ code: 0, signal: null });
    expect(Date.now() - begin).toBeLessThan(5000);
  });

  test("an open reflection call does not hold the drain up", async () => {
    await using relay = await startRelay({ workers: 1 });
    const call = relay.client.channel.makeBidiStreamRequest(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      identity,
      identity,
      new Metadata(),
      {},
    );
    call.on("error", () => {});
    const answered = new Promise((resolve) => void call.once("data", resolve));
    call.write(Buffer.from(new BinaryWriter().uint32(58).string("*").finish()));
    await answered;
    const begin = Date.now();
    expect(await relay.stop()).toBe(0);
    expect(Date.now() - begin).toBeLessThan(5000);
  });

  test("/healthz and /readyz answer 200, and /readyz 503 while it drains", async () => {
    await using target = await startTarget(() => undefined);
    await using relay = await startRelay({ workers: 1 });
    expect((await fetch(`${relay.httpUrl}/healthz`)).status).toBe(200);
    expect((await fetch(`${relay.httpUrl}/readyz`)).status).toBe(200);
    expect((await fetch(`${relay.httpUrl}/nope`)).status).toBe(404);
    expect((await fetch(`${relay.httpUrl}/readyz`, { method: "POST", body: "x" })).status).toBe(405);
    await relay.client.enqueue({ job: post(target.url) });
    await target.received(1);
    relay.signal("SIGTERM");
    await relay.line("stopping");
    // On the kept connection it says so; new ones are refused.
    await until(async () => {
      const answer = await fetch(`${relay.httpUrl}/readyz`).catch(() => undefined);
      if (answer === undefined) return true;
      const body = (await answer.json()) as object;
      if (answer.status === 200) return false;
      expect(answer.status).toBe(503);
      expect(body).toMatchObject({ status: "not ready", reasons: ["draining"] });
      return true;
    });
    target.requests[0]!.answer(200);
    expect((await relay.exited).code).toBe(0);
  });
});
