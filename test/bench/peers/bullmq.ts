// BullMQ, as a subject: one redis-server, Workers in processes of their own.
import { startChild, type Child } from "../child.ts";
import type { Way } from "../load.ts";
import type { OpenSubject } from "../measure.ts";
import { loadBullmq, openRedis, queueName } from "./bullmq-api.ts";
import type { BullmqLoadOptions } from "./bullmq-load.ts";
import type { BullmqWorkerOptions } from "./bullmq-worker.ts";
import { startRedis, type AppendFsync } from "./redis.ts";

const concurrency = 64;
const stallMs = 10_000;
const pollMs = 1;
const keysAnAsk = 1000;
/** Of a job that is not completed; one that is has gone. */
const openStates = ["wait", "active", "delayed", "prioritized", "failed"];

export function openBullmq(appendfsync: AppendFsync): OpenSubject {
  return async ({ folder, targetOrigin, env, workers }) => {
    await using stack = new AsyncDisposableStack();
    const server = await startRedis(folder, appendfsync);
    stack.defer(() => server.end());
    const children: Child[] = [];
    for (let index = 0; index < workers; index += 1) {
      const options: BullmqWorkerOptions = { redisPath: server.path, targetOrigin, concurrency };
      const { child } = await startChild(new URL("bullmq-worker.ts", import.meta.url), options, env);
      stack.defer(() => child.end());
      children.push(child);
    }
    const connection = { path: server.path };
    const queue = new (loadBullmq().Queue)(queueName, { connection });
    stack.defer(() => queue.close());
    const redis = openRedis(connection);
    stack.defer(() => redis.disconnect());
    const started = stack.move();
    return {
      address: server.path,
      processes: [
        { name: "redis-server", pid: server.pid, isWorker: false },
        ...children.map(({ pid }, index) => ({ name: `worker ${index}`, pid, isWorker: true })),
      ],
      async startLoad(targetUrl, way) {
        const options: BullmqLoadOptions = { redisPath: server.path, targetUrl, way: addable(way) };
        return (await startChild(new URL("bullmq-load.ts", import.meta.url), options)).child;
      },
      async awaitRecorded() {
        const deadlineMs = Date.now() + stallMs;
        while ((await queue.getJobCountByTypes(...openStates)) > 0 && Date.now() < deadlineMs) {
          await new Promise((resolve) => setTimeout(resolve, pollMs));
        }
      },
      async countLost(ids) {
        let left = 0;
        for (let at = 0; at < ids.length; at += keysAnAsk) {
          left += await redis.exists(...ids.slice(at, at + keysAnAsk).map((id) => queue.toKey(id)));
        }
        return left;
      },
      end: () => started.disposeAsync(),
    };
  };
}

function addable(way: Way): BullmqLoadOptions["way"] {
  if (way.kind === "stream") throw new Error("BullMQ has no streams of jobs");
  return way;
}
