// The generator for BullMQ (a process): Queue.add or Queue.addBulk, so many calls in flight.
import { runCalls, type Caller, type LoadRun } from "../calls.ts";
import { answerMessages, childOptions } from "../child.ts";
import type { Way } from "../load.ts";
import { body, headers, method } from "../payload.ts";
import { loadBullmq, queueName, type NewBullmqJob } from "./bullmq-api.ts";

export interface BullmqLoadOptions {
  redisPath: string;
  targetUrl: string;
  way: Exclude<Way, { kind: "stream" }>;
}

const { redisPath, targetUrl, way } = childOptions<BullmqLoadOptions>();
const { Queue } = loadBullmq();
const queue = new Queue(queueName, { connection: { path: redisPath, enableAutoPipelining: true } });
await queue.waitUntilReady();
const job: NewBullmqJob = {
  name: "post",
  data: { method, url: targetUrl, headers, body: body.toString("latin1") },
  opts: { removeOnComplete: true },
};
const size = way.kind === "batch" ? way.size : 1;
const jobs = Array.from({ length: size }, () => job);
const add = (): Promise<{ id?: string }[]> =>
  way.kind === "batch"
    ? queue.addBulk(jobs)
    : queue.add(job.name, job.data, job.opts).then((added) => [added]);
const caller: Caller<string[]> = {
  call(onEnd) {
    add().then(
      (added) => onEnd(added.map(({ id }) => id!)),
      (error: Error) => onEnd(undefined, error.message),
    );
  },
};
process.send!({});
answerMessages<LoadRun>((run) => runCalls([caller], run, size, (ids) => ids));
