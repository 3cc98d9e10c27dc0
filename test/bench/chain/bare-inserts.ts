// What the disk and SQLite take at the most (a process): the chain's rows, in its transactions, from its thread, with no
// gRPC, no delivery and nothing else. While the thread writes one transaction, the next one is made ready.
import { answerMessages, childOptions } from "../child.ts";
import { encodePayload } from "../payload.ts";
import { openCommitter } from "./committer.ts";

export interface BareInsertsOptions {
  store: string;
}
/** `count` rows, `size` in a transaction; answered by BareInsertsResult. */
export interface BareInsertsRun {
  count: number;
  size: number;
}
export interface BareInsertsResult {
  /** CLOCK_MONOTONIC: from the first insert until all are on disk. */
  firstNs: bigint;
  lastNs: bigint;
}

const transactionsUnderWay = 2;

const { store } = childOptions<BareInsertsOptions>();
const committer = await openCommitter(store);
const request = encodePayload("http://127.0.0.1:65535/hook");
let nextId = 1;
process.send!({});

answerMessages<BareInsertsRun>(async ({ count, size }): Promise<BareInsertsResult> => {
  const firstNs = process.hrtime.bigint();
  let left = count;
  const insertAll = async (): Promise<void> => {
    while (left > 0) {
      const rows = Math.min(size, left);
      left -= rows;
      await insert(rows);
    }
  };
  await Promise.all(Array.from({ length: transactionsUnderWay }, insertAll));
  return { firstNs, lastNs: process.hrtime.bigint() };
});

/** The rows of one turn of the event loop are a transaction, as the thread is free. */
function insert(rows: number): Promise<void> {
  return new Promise((resolve) => {
    let durable = 0;
    for (let index = 0; index < rows; index += 1) {
      committer.insert(nextId++, request, () => {
        if (++durable === rows) resolve();
      });
    }
  });
}
