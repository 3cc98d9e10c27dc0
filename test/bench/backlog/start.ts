// How long `fieldpost serve` takes from its start.
import { RelayServiceService } from "../../../server/src/gen/fieldpost/v1/relay.ts";
import { isReady } from "../fieldpost.ts";
import { encodePayload } from "../payload.ts";
import { openRawClient } from "../raw-client.ts";

const everyMs = 5;
const withinMs = 120_000;
const day = 86_400;

/** Until /readyz answers 200. */
export async function awaitReady(http: string): Promise<number> {
  return untilTrue(() => isReady(`http://${http}/readyz`));
}

/** Until it has answered an Enqueue, which is on disk then; the job is due in a day. */
export async function awaitFirstAnswer(grpc: string, targetUrl: string): Promise<number> {
  const request = encodePayload(targetUrl, { delaySeconds: day });
  return untilTrue(async () => {
    try {
      const client = await openRawClient(grpc, RelayServiceService.enqueue.path, request);
      const answer = await new Promise((resolve) => client.call(resolve));
      client.close();
      return answer !== undefined;
    } catch {
      return false;
    }
  });
}

async function untilTrue(ask: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await ask())) {
    if (performance.now() - startMs > withinMs) throw new Error(`nothing within ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return performance.now() - startMs;
}
