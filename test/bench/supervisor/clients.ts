// Clients that go on asking until they are told to stop, and count what came of it. For short TCP connections there is
// connectAgainAndAgain.
import http from "node:http";

import grpc from "@grpc/grpc-js";

import { GRPC_PATH } from "./programs/serve.ts";

export interface Tally {
  readonly served: number;
  /** The errors, and how many each. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface Clients {
  readonly served: () => number;
  /** Lets what is open come to its end. */
  readonly stop: () => Promise<Tally>;
}

/** After so long, a gRPC call counts as hanging. */
const HANG_MS = 15_000;

/** Requests on kept connections, one after the other on each, as node:http's own agent makes them. */
export function requestAgainAndAgain(port: number, concurrency: number): Clients {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      http
        .get({ host: "127.0.0.1", port, agent }, (response) => {
          response.resume().once("end", resolve).once("error", reject);
        })
        .once("error", reject);
    });
  return repeat(once, concurrency, () => agent.destroy());
}

/** Calls, each on a new channel: all options are grpc-js's own, but that no two channels share a connection. */
export function callAgainAndAgain(port: number, concurrency: number): Clients {
  const noBytes = Buffer.alloc(0);
  const bytes = (value: Buffer): Buffer => value;
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
      });
      const done = (error: grpc.ServiceError | null): void => {
        client.close();
        if (error) reject(error);
        else resolve();
      };
      const options = { deadline: Date.now() + HANG_MS };
      client.makeUnaryRequest(GRPC_PATH, bytes, bytes, noBytes, new grpc.Metadata(), options, done);
    });
  return repeat(once, concurrency);
}

function repeat(once: () => Promise<void>, concurrency: number, end: () => void = () => {}): Clients {
  let served = 0;
  let stopped = false;
  const failures: Record<string, number> = {};
  const client = async (): Promise<void> => {
    while (!stopped) {
      try {
        await once();
        served++;
      } catch (error) {
        const name = nameOf(error);
        failures[name] = (failures[name] ?? 0) + 1;
      }
    }
  };
  const clients = Array.from({ length: concurrency }, client);
  return {
    served: () => served,
    async stop() {
      stopped = true;
      await Promise.all(clients);
      end();
      return { served, failures };
    },
  };
}

/** ECONNRESET; of gRPC, UNAVAILABLE. */
function nameOf(error: unknown): string {
  const { code } = error as { code?: string | grpc.status };
  return typeof code === "number" ? grpc.status[code] : (code ?? String(error));
}
