// What the bench calls of BullMQ, so that the sources check where it is not installed, which is a thing of this folder alone.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export interface RedisOptions {
  /** A unix socket. */
  path: string;
  /** What is asked for in one turn of the event loop goes out in one write. */
  enableAutoPipelining?: boolean;
  maxRetriesPerRequest?: null;
}
export interface NewBullmqJob {
  name: string;
  data: BullmqRequest;
  opts: { removeOnComplete: boolean };
}
/** The request, in a job's data. */
export interface BullmqRequest {
  method: string;
  url: string;
  headers: { name: string; value: string }[];
  /** Latin-1: what costs JSON the least. */
  body: string;
}
export interface BullmqQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: BullmqRequest, opts: NewBullmqJob["opts"]): Promise<{ id?: string }>;
  addBulk(jobs: readonly NewBullmqJob[]): Promise<{ id?: string }[]>;
  getJobCountByTypes(...types: string[]): Promise<number>;
  toKey(type: string): string;
  close(): Promise<void>;
}
export interface BullmqWorker {
  waitUntilReady(): Promise<unknown>;
  on(event: "failed", listener: (job: unknown, error: Error) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}
export interface Redis {
  /** How many of them there are. */
  exists(...keys: string[]): Promise<number>;
  disconnect(): void;
}
interface Bullmq {
  Queue: new (name: string, options: { connection: RedisOptions }) => BullmqQueue;
  Worker: new (
    name: string,
    process: (job: { data: BullmqRequest }) => Promise<unknown>,
    options: { connection: RedisOptions; concurrency: number },
  ) => BullmqWorker;
}

export const queueName = "bench";

const require = createRequire(import.meta.url);

/** Why it cannot be measured; undefined if it can. */
export function lackingBullmq(): string | undefined {
  return existsSync(fileURLToPath(new URL("node_modules/bullmq", import.meta.url)))
    ? undefined
    : "BullMQ is not installed: npm ci --ignore-scripts --prefix test/bench/peers";
}

export function loadBullmq(): Bullmq {
  return require("bullmq") as Bullmq;
}

export function openRedis(options: RedisOptions): Redis {
  const { Redis } = require("ioredis") as { Redis: new (options: RedisOptions) => Redis };
  return new Redis(options);
}
