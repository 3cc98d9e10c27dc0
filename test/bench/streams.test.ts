// The generator's stream, against a server of grpc-js that acknowledges as StreamEnqueue says.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RelayServiceService } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { StreamEnqueueRequest, StreamEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { Status } from "../../server/src/gen/google/rpc/status.ts";
import { openHttp2Client } from "./http2-client.ts";
import { runStreams } from "./streams.ts";

type Call = ServerDuplexStream<StreamEnqueueRequest, StreamEnqueueResponse>;
const targetUrl = "http://127.0.0.1:1/hook";
const window = 50;
let serve: (call: Call) => void;
const server = new Server();
let address = "";

beforeAll(async () => {
  const { streamEnqueue } = RelayServiceService;
  server.addService({ streamEnqueue }, { streamEnqueue: (call: Call) => serve(call) });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  address = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

async function run(count: number) {
  const { path } = RelayServiceService.streamEnqueue;
  const client = await openHttp2Client(address, path, Buffer.alloc(0));
  try {
    return await runStreams([client], targetUrl, { count, window });
  } finally {
    client.close();
  }
}

test("a window of jobs is under way, and each one is acknowledged", async () => {
  const got: StreamEnqueueRequest[] = [];
  const widths: number[] = [];
  let acked = 0;
  serve = (call) => {
    call.on("data", (message: StreamEnqueueRequest) => {
      got.push(message);
      widths.push(got.length - acked);
      // Nothing more comes before these are acknowledged.
      if (got.length - acked < window && got.length < 300) return;
      acked = got.length;
      call.write({ ackedSequence: message.sequence, error: undefined });
    });
    call.on("end", () => call.end());
  };
  const { names, failures, failure, latencyP99Ms } = await run(300);
  expect({ failures, failure }).toEqual({ failures: 0, failure: undefined });
  expect(Math.max(...widths)).toBe(window);
  expect(got.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 300 }, (_, index) => BigInt(index + 1)),
  );
  expect(names).toEqual(got.map(({ request }) => `jobs/${request!.jobId}`));
  expect(new Set(names).size).toBe(300);
  expect(got[299]!.request!.job!.target!.http.url).toBe(targetUrl);
  expect(latencyP99Ms).toBeGreaterThan(0);
});

test("what is refused is no acknowledged job", async () => {
  serve = (call) => {
    call.on("data", ({ sequence }: StreamEnqueueRequest) => {
      const error = sequence === 3n ? Status.create({ code: 8, message: "the queue is full" }) : undefined;
      call.write({ ackedSequence: sequence, error });
    });
    call.on("end", () => call.end());
  };
  const { names, failures, failure } = await run(5);
  expect(names).toHaveLength(4);
  expect({ failures, failure }).toEqual({ failures: 1, failure: "the queue is full" });
});

test("a server without streams ends the run, with its status", async () => {
  serve = (call) => call.emit("error", { code: 12, details: "not offered" });
  expect(await run(5)).toMatchObject({ failures: 5, failure: "status 12: not offered" });
});
