import { once } from "node:events";
import fs from "node:fs";
import type http from "node:http";
import https from "node:https";

import grpc from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";

import { echoService } from "./fixtures/echo-service.ts";
import { gone, isAlive, readAnswer, refused, startSupervised } from "./harness.ts";
import type { Answer, Supervised } from "./harness.ts";

const EchoClient = grpc.makeGenericClientConstructor(echoService, "Echo");

async function connect(
  supervised: Supervised,
  credentials = grpc.credentials.createInsecure(),
): Promise<grpc.Client> {
  const address = (await supervised.status()).listeners.find(({ name }) => name === "grpc")?.address ?? "";
  const client = new EchoClient(address, credentials, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.ssl_target_name_override": "localhost",
  });
  onTestFinished(() => client.close());
  return client;
}

function whoAmI(client: grpc.Client): Promise<number> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = echoService.whoAmI;
    const done = (error: grpc.ServiceError | null, answer?: Buffer): void =>
      error ? reject(error) : resolve(Number(String(answer)));
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.alloc(0),
      new grpc.Metadata(),
      {},
      done,
    );
  });
}

/** A call that is in flight until `finish`. */
async function collect(client: grpc.Client): Promise<{ finish: (text: string) => Promise<string> }> {
  const { path, requestSerialize, responseDeserialize } = echoService.collect;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const call = client.makeClientStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    (error, answer?: Buffer) => (error ? reject(error) : resolve(String(answer))),
  );
  promise.catch(() => {}); // the caller sees it through finish
  await once(call, "metadata");
  return {
    finish: (text) => {
      call.write(Buffer.from(text));
      call.end();
      return promise;
    },
  };
}

describe("a gRPC server on inherited sockets", () => {
  it.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "finishes the call in flight after %s",
    async (signal) => {
      const supervised = await startSupervised({ worker: "grpc-worker" });
      const slow = await collect(await connect(supervised));
      supervised.signal(signal);
      await refused(supervised.target);
      expect(await slow.finish("late but whole")).toBe("late but whole");
      expect(await supervised.exited).toEqual({ code: 0, signal: null });
      expect(supervised.workerPids.filter(isAlive)).toEqual([]);
    },
  );

  it("finishes the call in flight when the supervisor is killed, and then ends", async () => {
    const supervised = await startSupervised({ worker: "grpc-worker" });
    const slow = await collect(await connect(supervised));
    supervised.signal("SIGKILL");
    await refused(supervised.target);
    expect(await slow.finish("orphaned")).toBe("orphaned");
    await gone(supervised.workerPids);
  });

  it("ends an idle channel at once", async () => {
    const supervised = await startSupervised({ worker: "grpc-worker" });
    await whoAmI(await connect(supervised));
    supervised.signal("SIGTERM");
    expect((await supervised.exited).code).toBe(0);
    expect(
      supervised.events.filter(({ msg, forced }) => msg === "worker ended" && forced === 0),
    ).toHaveLength(2);
  });

  it("cuts an endless stream at the deadline with UNAVAILABLE, which clients retry", async () => {
    const supervised = await startSupervised({ worker: "grpc-worker", workers: 1, drainTimeoutMs: 2000 });
    const client = await connect(supervised);
    const { path, requestSerialize, responseDeserialize } = echoService.forever;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0));
    const failed = new Promise<grpc.ServiceError>((resolve) => void call.once("error", resolve));
    await once(call, "data");
    supervised.signal("SIGTERM");
    expect((await failed).code).toBe(grpc.status.UNAVAILABLE);
    expect((await supervised.exited).code).toBe(0);
    expect(supervised.events.find(({ msg }) => msg === "worker ended")).toMatchObject({ forced: 1 });
  });

  it("serves every channel while a sibling is dead", async () => {
    const supervised = await startSupervised({ worker: "grpc-worker" });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(supervised)));
    const pids = await Promise.all(clients.map(whoAmI));
    expect(pids).not.toContain(supervised.workerPids[0]);
  });
});

describe("with TLS", () => {
  it("a call and an idle HTTPS connection outlive the beginning of the stop, and all ends", async () => {
    const listeners = ["https", "grpc"].map((name) => ({ name, address: "127.0.0.1:0" }));
    const supervised = await startSupervised({ worker: "tls-worker", listeners });
    const ca = fs.readFileSync(new URL("./fixtures/localhost.pem", import.meta.url));
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca });
    onTestFinished(() => agent.destroy());
    const fetchSecret = async (): Promise<Answer> => {
      const response = new Promise<http.IncomingMessage>((resolve, reject) => {
        https
          .get({ ...supervised.target, path: "/", servername: "localhost", agent }, resolve)
          .on("error", reject);
      });
      return readAnswer(await response);
    };
    expect((await fetchSecret()).body).toBe("secret");
    const slow = await collect(await connect(supervised, grpc.credentials.createSsl(ca)));
    supervised.signal("SIGTERM");
    await refused(supervised.target);
    expect(await fetchSecret()).toMatchObject({ body: "secret", headers: { connection: "close" } });
    expect(await slow.finish("late but whole")).toBe("late but whole");
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
    expect(
      supervised.events.filter(({ msg, forced }) => msg === "worker ended" && forced === 0),
    ).toHaveLength(2);
  });
});
