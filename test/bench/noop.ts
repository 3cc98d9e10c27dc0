// The bare grpc-js no-op: one server process that does nothing with each call, one generator process.
import type { LoadResult, LoadRun } from "./calls.ts";
import { startChild } from "./child.ts";
import { startLoad } from "./measure.ts";
import type { NoopReady } from "./noop-server.ts";
import type { Options } from "./options.ts";
import { perSecond } from "./stats.ts";

/** Calls per second. */
export async function measureNoop(options: Options): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const server = await startChild<NoopReady>(new URL("noop-server.ts", import.meta.url), {});
  stack.defer(() => server.child.end());
  const load = await startLoad({
    addresses: [`127.0.0.1:${server.ready.port}`],
    connections: options.connections,
    targetUrl: "http://127.0.0.1/hook",
    way: { kind: "unary" },
    client: options.client,
    spares: 0,
  });
  stack.defer(() => load.end());
  const { concurrency } = options;
  await load.ask<LoadResult>({ kind: "run", count: options.warmup, concurrency } satisfies LoadRun);
  const result = await load.ask<LoadResult>({
    kind: "run",
    count: options.jobs,
    concurrency,
  } satisfies LoadRun);
  if (result.failures > 0) throw new Error(`${result.failures} calls failed: ${result.failure}`);
  return perSecond(options.jobs, result.firstNs, result.lastNs);
}
