/** The relay of setting.ts on a port, and a client of it. */
import { ServerCredentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { createGrpcServer } from "../../server/src/api/server.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import { openRelay } from "./setting.ts";
import type { Setting, SettingOptions } from "./setting.ts";

export interface Served {
  /** @see GrpcServer */
  readonly setServing: (serving: boolean) => void;
  readonly relay: Setting;
  readonly client: RelayClient;
  readonly log: readonly string[];
}

export async function serve(
  options: SettingOptions = {},
  limits: { readonly maxMessageBytes: number } = { maxMessageBytes: 4 * 1024 * 1024 },
): Promise<Served> {
  const relay = await openRelay(options);
  const log: string[] = [];
  const logger = createLogger({
    level: "info",
    name: "test",
    destination: { write: (line) => void log.push(line) },
  });
  const { server, setServing } = createGrpcServer(relay, logger, limits);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = createRelayClient(`127.0.0.1:${port}`);
  onTestFinished(() => {
    client.close();
    server.forceShutdown();
  });
  return { relay, client, log, setServing };
}
