// A BullMQ Worker (a process): takes jobs out of Redis and sends them as the bare chain does.
import { createSender } from "../chain/sender.ts";
import { childOptions } from "../child.ts";
import { loadBullmq, queueName } from "./bullmq-api.ts";

export interface BullmqWorkerOptions {
  redisPath: string;
  targetOrigin: string;
  /** Jobs under way, each on a connection of its own. */
  concurrency: number;
}

const { redisPath, targetOrigin, concurrency } = childOptions<BullmqWorkerOptions>();
const onAnswers = new Map<number, (status: number) => void>();
const sender = createSender(targetOrigin, concurrency, (id, status) => {
  onAnswers.get(id)!(status);
  onAnswers.delete(id);
});
let nextId = 0;
const { Worker } = loadBullmq();
const worker = new Worker(
  queueName,
  ({ data }) =>
    new Promise<number>((resolve, reject) => {
      const id = nextId++;
      onAnswers.set(id, (status) => {
        if (status === 200) resolve(status);
        else reject(new Error(`status ${status}`));
      });
      sender.send(id, { ...data, body: Buffer.from(data.body, "latin1"), parameters: new Map() });
    }),
  { connection: { path: redisPath, maxRetriesPerRequest: null }, concurrency },
);
// Nothing that fails is to be taken for fast.
const die = (error: Error): void => {
  throw error;
};
worker.on("failed", (_job, error) => die(error));
worker.on("error", die);
await worker.waitUntilReady();
process.send!({});
