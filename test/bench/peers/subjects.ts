// What a round of `npm run bench -- peers` measures, in this order.
import { openChain } from "../chain/run.ts";
import { openFieldpost } from "../fieldpost.ts";
import type { Way } from "../load.ts";
import { measureDelivery, type Measurement, type OpenSubject } from "../measure.ts";
import type { Options } from "../options.ts";
import { openBullmq } from "./bullmq.ts";

export interface PeerSubject {
  label: string;
  measure(options: Options): Promise<Measurement>;
}

/** Calls in flight that bring many jobs each. */
const batchesInFlight = 4;
/** Of a stream. */
const window = 1000;
const day = 86_400;

const servers = {
  chain: openChain,
  fieldpost: openFieldpost,
  everysec: openBullmq("everysec"),
  always: openBullmq("always"),
};

/** By how they are called in ratios. */
export const subjects = {
  chain: unary("chain 2", servers.chain),
  fieldpost: unary("fieldpost 2", servers.fieldpost),
  everysec: unary("BullMQ everysec", servers.everysec),
  always: unary("BullMQ always", servers.always),
  fieldpost100: batches("fieldpost 2, batches of 100", servers.fieldpost, 100),
  fieldpost10000: batches("fieldpost 2, batches of 10,000", servers.fieldpost, 10_000),
  everysec100: batches("BullMQ everysec, addBulk of 100", servers.everysec, 100),
  everysec1000: batches("BullMQ everysec, addBulk of 1,000", servers.everysec, 1000),
  always100: batches("BullMQ always, addBulk of 100", servers.always, 100),
  always1000: batches("BullMQ always, addBulk of 1,000", servers.always, 1000),
  stored100: batches("fieldpost 2, batches of 100, due in a day", servers.fieldpost, 100, day),
  stored10000: batches("fieldpost 2, batches of 10,000, due in a day", servers.fieldpost, 10_000, day),
  streamed: streams("fieldpost 2, a stream to each worker", servers.fieldpost),
} satisfies Record<string, PeerSubject>;

export type SubjectKey = keyof typeof subjects;

function unary(label: string, open: OpenSubject): PeerSubject {
  return plan(label, open, { kind: "unary" }, ({ jobs, warmup, concurrency }) => ({
    jobs,
    warmup,
    concurrency,
  }));
}

/** Of more jobs, as they come faster: twice as many, or five times those that are not delivered, in whole batches. */
function batches(label: string, open: OpenSubject, size: number, delaySeconds?: number): PeerSubject {
  const way: Way =
    delaySeconds === undefined ? { kind: "batch", size } : { kind: "batch", size, delaySeconds };
  return plan(label, open, way, ({ jobs, warmup }) => ({
    jobs: size * Math.ceil(((delaySeconds === undefined ? 2 : 5) * jobs) / size),
    warmup: size * Math.ceil(warmup / size),
    concurrency: batchesInFlight,
  }));
}

function streams(label: string, open: OpenSubject): PeerSubject {
  return plan(label, open, { kind: "stream", window }, ({ jobs, warmup }) => ({
    jobs: 2 * jobs,
    warmup,
    connections: processes,
  }));
}

const processes = 2;

function plan(
  label: string,
  open: OpenSubject,
  way: Way,
  amounts: (options: Options) => Partial<Options>,
): PeerSubject {
  return {
    label,
    measure: (options) =>
      measureDelivery(open, { ...options, ...amounts(options), processes, fsyncDelayMs: 0, way }),
  };
}
