/**
 * How changes and their answers go between the event loop and the writing thread. The three that come with every job are
 * packed; the others go as the objects that they are.
 */
import { jobStates } from "../../../job/state.ts";
import type { InsertResult } from "../../store.ts";
import { type Packed, Packer, Unpacker } from "../packed.ts";
import { type ClaimedRow, type FinishedRow, type NewJobRow, stateNumber } from "../rows.ts";
import type { Answer, Codec, Group, GroupAnswer } from "../thread-side.ts";
import type { WriteOperation, WriteResults } from "./operations.ts";

interface PackedGroup {
  readonly packed: Packed;
  /** Those that are not packed, in their order. */
  readonly others: readonly WriteOperation[];
  readonly restartLogMs: number | undefined;
}

interface PackedAnswers {
  readonly packed: Packed;
  readonly others: readonly Answer[];
}

/** What follows in a packed list. */
const tags = { other: 0, insert: 1, claim: 2, finish: 3 } as const;

export const writeCodec: Codec<WriteOperation> = {
  packGroup({ operations, restartLogMs }): PackedGroup {
    const packer = new Packer();
    const others: WriteOperation[] = [];
    packer.add(operations.length);
    for (const operation of operations) {
      switch (operation.kind) {
        case "insert":
          packer.add(tags.insert, operation.worker, operation.now, operation.claimUpTo, operation.maxDepth);
          packer.add(operation.each ? 1 : 0, operation.stage, operation.jobs.length);
          for (const job of operation.jobs) packNewJob(packer, job);
          break;
        case "claim":
          packer.add(tags.claim, operation.worker, operation.limit, operation.now);
          break;
        case "finish":
          packer.add(tags.finish, operation.worker, operation.attempts.length);
          for (const attempt of operation.attempts) packFinished(packer, attempt);
          break;
        default:
          packer.add(tags.other);
          others.push(operation);
      }
    }
    return { packed: packer.finish(), others, restartLogMs };
  },

  unpackGroup(message): Group<WriteOperation> {
    const { packed, others, restartLogMs } = message as PackedGroup;
    const from = new Unpacker(packed);
    const rest = others.values();
    const operations = times(from.number(), (): WriteOperation => {
      switch (from.number()) {
        case tags.insert:
          // An object literal is evaluated in its order.
          return {
            kind: "insert",
            worker: from.number(),
            now: from.number(),
            claimUpTo: from.number(),
            maxDepth: from.number(),
            each: from.number() === 1,
            stage: from.number(),
            jobs: times(from.number(), () => unpackNewJob(from)),
          };
        case tags.claim:
          return { kind: "claim", worker: from.number(), limit: from.number(), now: from.number() };
        case tags.finish: {
          const worker = from.number();
          return { kind: "finish", worker, attempts: times(from.number(), () => unpackFinished(from)) };
        }
        default:
          return rest.next().value!;
      }
    });
    return { operations, restartLogMs };
  },

  packAnswers(operations, answers): PackedAnswers {
    const packer = new Packer();
    const others: Answer[] = [];
    for (const [index, answer] of answers.entries()) {
      const kind = "value" in answer ? operations[index]!.kind : undefined;
      const value = "value" in answer ? answer.value : undefined;
      if (kind === "insert") {
        packer.add(tags.insert);
        packInserted(packer, value as WriteResults["insert"]);
      } else if (kind === "claim") {
        packer.add(tags.claim);
        packClaimed(packer, value as WriteResults["claim"]);
      } else if (kind === "finish") {
        const results = value as WriteResults["finish"];
        packer.add(tags.finish, results.length);
        for (const result of results) packer.add(result === "recorded" ? 1 : 0);
      } else {
        packer.add(tags.other);
        others.push(answer);
      }
    }
    packer.add(-1);
    return { packed: packer.finish(), others };
  },

  unpackAnswers(message): GroupAnswer {
    const { packed, others } = message as PackedAnswers;
    const from = new Unpacker(packed);
    const rest = others.values();
    const answers: Answer[] = [];
    for (let tag = from.number(); tag !== -1; tag = from.number()) {
      switch (tag) {
        case tags.insert:
          answers.push({ value: unpackInserted(from) });
          break;
        case tags.claim:
          answers.push({ value: unpackClaimed(from) });
          break;
        case tags.finish:
          answers.push({ value: times(from.number(), () => (from.number() === 1 ? "recorded" : "stale")) });
          break;
        default:
          answers.push(rest.next().value!);
      }
    }
    return answers;
  },

  transfersOf: (message) => {
    const { bytes } = (message as PackedGroup | PackedAnswers).packed;
    return bytes.length >= transferBytes ? [bytes.buffer as ArrayBuffer] : [];
  },
};

/** Less is copied faster than handed over. */
const transferBytes = 64 * 1024;

function times<T>(count: number, make: () => T): T[] {
  const made: T[] = [];
  for (let i = 0; i < count; i++) made.push(make());
  return made;
}

function packNewJob(to: Packer, job: NewJobRow): void {
  to.add(job.id, job.uid, job.queue, job.priority, job.createTime, job.scheduleTime, job.expireTime);
  to.add(job.maxAttempts, job.method, job.url, job.headers, job.parameters, job.retry, job.attemptTimeout);
  to.add(job.labels, job.traceparent, job.tracestate);
  to.addBlob(job.body);
  to.add(job.dedupKey, job.ambiguity, job.retention, job.isRelative, job.isAging);
  to.addBlob(job.requestId);
  to.addBlob(job.contentHash);
}

function unpackNewJob(from: Unpacker): NewJobRow {
  return {
    id: from.text(),
    uid: from.textOrNull(),
    queue: from.text(),
    priority: from.number(),
    createTime: from.number(),
    scheduleTime: from.numberOrNull(),
    expireTime: from.numberOrNull(),
    maxAttempts: from.number(),
    method: from.text(),
    url: from.text(),
    headers: from.text(),
    parameters: from.textOrNull(),
    retry: from.text(),
    attemptTimeout: from.number(),
    labels: from.textOrNull(),
    traceparent: from.text(),
    tracestate: from.text(),
    body: from.blob(),
    dedupKey: from.textOrNull(),
    ambiguity: from.number(),
    retention: from.numberOrNull(),
    isRelative: from.number(),
    isAging: from.number(),
    requestId: from.blob(),
    contentHash: from.blob(),
  };
}

function packInserted(to: Packer, results: WriteResults["insert"]): void {
  to.add(results?.length ?? -1);
  for (const result of results ?? []) {
    switch (result.kind) {
      case "stored":
        to.add("stored", result.key, stateNumber(result.state), result.claimed ? 1 : 0);
        break;
      case "repeated":
        to.add("repeated", result.key, result.id, result.uid, result.createTime, stateNumber(result.state));
        break;
      case "duplicate":
        to.add("duplicate", result.id, result.uid, stateNumber(result.state));
        break;
      case "request-id-reused":
        to.add("request-id-reused", result.index);
        break;
      case "id-taken":
      case "under-way":
        to.add(result.kind, result.id);
        break;
      case "full":
        to.add("full", result.depth, result.limit);
        break;
      default:
        result satisfies never;
    }
  }
}

function unpackInserted(from: Unpacker): InsertResult[] | undefined {
  const count = from.number();
  if (count === -1) return undefined;
  return times(count, (): InsertResult => {
    const kind = from.text();
    if (kind === "repeated") {
      const [key, id, uid] = [from.number(), from.text(), from.text()];
      return {
        kind,
        key,
        revision: key,
        id,
        uid,
        createTime: from.number(),
        state: jobStates[from.number()]!,
      };
    }
    if (kind === "duplicate")
      return { kind, id: from.text(), uid: from.text(), state: jobStates[from.number()]! };
    if (kind === "request-id-reused") return { kind, index: from.number() };
    if (kind === "id-taken" || kind === "under-way") return { kind, id: from.text() };
    if (kind === "full") return { kind, depth: from.number(), limit: from.number() };
    // A job's key is the revision that made it.
    const key = from.number();
    const state = jobStates[from.number()]!;
    return { kind: "stored", key, revision: key, state, claimed: from.number() === 1 };
  });
}

function packClaimed(to: Packer, { rows, nextDueTime, dueLeft }: WriteResults["claim"]): void {
  to.add(nextDueTime, dueLeft, rows.length);
  for (const row of rows) {
    to.add(
      row.key,
      row.id,
      row.uid,
      row.queue,
      row.attemptCount,
      row.maxAttempts,
      row.attemptsBefore,
      row.ambiguity,
      row.dueTime,
      row.runTime,
      row.createTime,
      row.expireTime,
      row.method,
    );
    to.add(row.url, row.headers, row.parameters, row.retry, row.attemptTimeout, row.labels);
    to.add(row.traceparent, row.tracestate);
    to.addBlob(row.body);
  }
}

function unpackClaimed(from: Unpacker): WriteResults["claim"] {
  const [nextDueTime, dueLeft] = [from.numberOrNull(), from.numberOrNull()];
  const rows = times(from.number(), (): ClaimedRow => ({
    key: from.number(),
    id: from.text(),
    uid: from.textOrNull(),
    queue: from.text(),
    attemptCount: from.number(),
    maxAttempts: from.number(),
    attemptsBefore: from.number(),
    ambiguity: from.number(),
    dueTime: from.number(),
    runTime: from.numberOrNull(),
    createTime: from.number(),
    expireTime: from.numberOrNull(),
    method: from.text(),
    url: from.text(),
    headers: from.text(),
    parameters: from.textOrNull(),
    retry: from.text(),
    attemptTimeout: from.number(),
    labels: from.textOrNull(),
    traceparent: from.text(),
    tracestate: from.text(),
    // Of its own: one send that takes long would keep the bodies of all that were claimed with it.
    body: from.blob()?.slice() ?? null,
  }));
  return { rows, nextDueTime, dueLeft };
}

function packFinished(to: Packer, row: FinishedRow): void {
  to.add(row.key, row.attempt, row.next, row.nextAttemptTime, row.result, row.startTime, row.endTime);
  to.add(row.httpStatus, row.worker, row.errorReason, row.errorMessage, row.responseHeaders);
  to.add(row.responseTruncated);
  to.addBlob(row.responseBody);
  to.add(row.passage, row.slowOrigin, row.slowUntil);
}

function unpackFinished(from: Unpacker): FinishedRow {
  return {
    key: from.number(),
    attempt: from.number(),
    next: from.text() as FinishedRow["next"],
    nextAttemptTime: from.numberOrNull(),
    result: from.text() as FinishedRow["result"],
    startTime: from.number(),
    endTime: from.number(),
    httpStatus: from.number(),
    worker: from.text(),
    errorReason: from.textOrNull(),
    errorMessage: from.textOrNull(),
    responseHeaders: from.textOrNull(),
    responseTruncated: from.numberOrNull(),
    responseBody: from.blob(),
    passage: from.textOrNull(),
    slowOrigin: from.textOrNull(),
    slowUntil: from.numberOrNull(),
  };
}
