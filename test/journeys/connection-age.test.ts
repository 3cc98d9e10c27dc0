/** `--max-connection-age`: each connection comes to its end, and nobody's call does. */
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { createRelayClient } from "../support/relay-client.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

test("a connection of each listener ends at its age, and no call fails for it", async () => {
  await using target = await startTarget();
  await using relay = await startRelay({ args: ["--max-connection-age", "1s"] });
  const session = http2.connect(`http://${relay.grpcAddress}`);
  onTestFinished(() => session.destroy());
  const goaway = once(session, "goaway");

  const client = createRelayClient(relay.grpcAddress);
  onTestFinished(() => client.close());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const ends = { grpc: false, http: false };
  void goaway.then(() => (ends.grpc = true));
  let calls = 0;
  while (!ends.grpc || !ends.http) {
    await client.enqueue({ job: post(target.url, "x") });
    calls++;
    const [response] = (await once(http.get(`${relay.httpUrl}/healthz`, { agent }), "response")) as [
      http.IncomingMessage,
    ];
    response.resume();
    if (response.headers.connection === "close") ends.http = true;
  }
  // NO_ERROR
  expect((await goaway)[0]).toBe(0);
  await target.received(calls);
});
