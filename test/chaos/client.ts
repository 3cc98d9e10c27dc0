/**
 * The client of a kill proof, a process: keeps calls in flight, has each acknowledgement on disk before it counts, and
 * is the one that kills, so that between the look at what there is to lose and the kill nothing can happen to it.
 */
import { status as codes } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import type { StreamEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { openEnqueueStream } from "../support/enqueue-stream.ts";
import { answerMessages, childOptions } from "../bench/child.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import { changeJob, retryFailedOf } from "./changes.ts";
import type { ChangesOfJob } from "./changes.ts";
import { monotonicMs, openJournal, openJournalReader } from "./journal.ts";
import type { CallEntry, KillKind, RequestEntry } from "./journal.ts";
import { planCalls } from "./load.ts";
import type { LoadProfile, PlannedCall } from "./load.ts";
import { createRandom } from "./random.ts";
import { idOf } from "./read-jobs.ts";
import { countStates } from "./states.ts";
import type { StateCounts } from "./states.ts";

export interface ClientOptions {
  /** Paths of its own journal and of the target's. */
  readonly calls: string;
  readonly requests: string;
}

/** Loads the relay and kills; answered by LoadResult when every call has ended. */
export interface LoadMessage {
  readonly kind: "load";
  readonly round: number;
  readonly seed: string;
  readonly address: string;
  readonly targetUrl: string;
  readonly profile: LoadProfile;
  readonly victim: KillKind;
  /** For process.kill: negative for a group. */
  readonly pids: readonly number[];
  readonly signal: "SIGKILL" | "SIGSTOP";
  /** Kills at this acknowledgement, or at the first one after it at which there is something to lose. */
  readonly killAt: number;
  /** If that has not come after so many more, nothing is killed. */
  readonly giveUpAfter: number;
  /** Calls are begun for so long, milliseconds, also where nothing is killed. */
  readonly maxMs: number;
  /** The file of the relay's store. */
  readonly store: string;
  /** Calls begun after the kill. */
  readonly callsAfterKill: number;
}
export interface LoadResult {
  readonly killed: boolean;
  /** Of the jobs of the round, right after the kill. */
  readonly states: StateCounts;
  readonly acknowledged: number;
  readonly failed: number;
}

/** Repeats about half of the calls that failed, and of the changes that were cut off, as a caller does who must know; answered by an empty object. */
export interface RepeatMessage {
  readonly kind: "repeat";
  readonly round: number;
  readonly seed: string;
  readonly address: string;
}

/** The job that an answer names in place of the caller's. */
interface Duplicate {
  readonly id: string;
  readonly uid: string;
}

const pauseMs = 20;

const options = childOptions<ClientOptions>();
const journal = openJournal<CallEntry>(options.calls);
const requests = openJournalReader<RequestEntry>(options.requests);
const delivered = new Set<string>();
let failedCalls: PlannedCall[] = [];
let cutChanges: ChangesOfJob[] = [];
process.send!({});

answerMessages<LoadMessage | RepeatMessage>((message) =>
  message.kind === "load" ? load(message) : repeat(message),
);

async function load(message: LoadMessage): Promise<LoadResult> {
  const { address, profile, killAt, giveUpAfter } = message;
  const clients = Array.from({ length: profile.connections }, () => createRelayClient(address));
  const unanswered = new Set<string>();
  /** Of acknowledged jobs whose acknowledgement is on disk. */
  const undelivered = new Set<string>();
  const changes: Promise<void>[] = [];
  /** Changes may still be under way there. */
  const closing: RelayClient[] = [];
  let begun = 0;
  let acknowledged = 0;
  let left = Number.POSITIVE_INFINITY;
  let killed = false;
  let states: StateCounts = {};
  failedCalls = [];
  cutChanges = [];

  function killIfSomethingIsToLose(): void {
    for (const { id, status } of requests.readNew()) if (isDelivery(status)) delivered.add(id);
    for (const id of undelivered) if (delivered.has(id)) undelivered.delete(id);
    if (undelivered.size === 0 || unanswered.size === 0) return;
    const time = monotonicMs();
    for (const pid of message.pids) process.kill(pid, message.signal);
    const { round, victim } = message;
    const there = { undelivered: undelivered.size, unanswered: unanswered.size };
    journal.append({ kind: "killed", round, victim, ...there, time });
    killed = true;
    states = countStates(message.store, victim, round);
    left = message.callsAfterKill;
  }

  async function callOn(connection: number): Promise<void> {
    let before = Promise.resolve();
    while (left-- > 0) {
      const client = clients[connection]!;
      const planned = planCalls(message, begun++);
      for (const { call } of planned) unanswered.add(call);
      const onAcknowledged = async (one: PlannedCall, duplicateOf?: Duplicate): Promise<void> => {
        unanswered.delete(one.call);
        const written = acknowledge(one, duplicateOf);
        acknowledged++;
        if (duplicateOf === undefined) changes.push(changeLater(client, one));
        // Not when it is on disk: by then the relay has answered what it had under way.
        if (!killed && acknowledged >= killAt) killIfSomethingIsToLose();
        if (!killed && acknowledged >= killAt + giveUpAfter) left = 0;
        // The next call does not wait for this answer to be on disk, only for the one before.
        await before;
        before = written.then(() => {
          if (duplicateOf !== undefined) return;
          for (const { id } of one.jobs) undelivered.add(id);
        });
      };
      const failed = await makeCalls(client, planned, onAcknowledged);
      for (const { call } of failed) unanswered.delete(call);
      if (failed.length === 0) continue;
      failedCalls.push(...failed);
      // One that cannot even be reached is not called a thousand times a second.
      await sleep(pauseMs);
      if (clients[connection] !== client) continue;
      // The worker at its other end is gone: a new connection leads to another.
      closing.push(client);
      clients[connection] = createRelayClient(address);
    }
    await before;
  }

  const tooLong = setTimeout(() => (left = 0), message.maxMs);
  await Promise.all(
    Array.from({ length: profile.callers }, (_, index) => callOn(index % profile.connections)),
  );
  clearTimeout(tooLong);
  await Promise.all(changes);
  for (const client of [...clients, ...closing]) client.close();
  return { killed, states, acknowledged, failed: failedCalls.length };
}

async function repeat({ seed, round, address }: RepeatMessage): Promise<object> {
  const random = createRandom(`${seed}/${round}/repeat`);
  const client = createRelayClient(address);
  const repeated = failedCalls.filter(() => random() < 0.5);
  const changed = cutChanges.filter(() => random() < 0.5);
  await Promise.all([
    ...repeated.map(async (planned) => {
      const { code, duplicateOf } = await makeCall(client, planned);
      // ALREADY_EXISTS: it was stored the first time.
      if (code === undefined || code === codes.ALREADY_EXISTS) await acknowledge(planned, duplicateOf);
    }),
    ...changed.map((changes) => changeJob(client, journal, changes)),
  ]);
  client.close();
  return {};
}

function acknowledge({ call }: PlannedCall, duplicateOf: Duplicate | undefined): Promise<void> {
  return journal.appendSynced({ kind: "acknowledged", call, wallTime: Date.now(), duplicateOf });
}

async function changeLater(client: RelayClient, planned: PlannedCall): Promise<void> {
  const { jobs, changes } = planned;
  const cut = await changeJob(client, journal, { id: jobs[0]!.id, changes });
  if (cut !== undefined) cutChanges.push(cut);
  await retryFailedOf(client, journal, planned);
}

/** @returns those that were not acknowledged */
async function makeCalls(
  client: RelayClient,
  planned: readonly PlannedCall[],
  onAcknowledged: (call: PlannedCall, duplicateOf?: Duplicate) => Promise<void>,
): Promise<readonly PlannedCall[]> {
  if (planned.length > 1) return streamCalls(client, planned, onAcknowledged);
  const [one] = planned as [PlannedCall];
  const { code, duplicateOf } = await makeCall(client, one);
  if (code !== undefined) return planned;
  await onAcknowledged(one, duplicateOf);
  return [];
}

/** All in one stream, with the places as sequences; nobody waits for an acknowledgement before the next request. */
async function streamCalls(
  client: RelayClient,
  planned: readonly PlannedCall[],
  onAcknowledged: (call: PlannedCall) => Promise<void>,
): Promise<readonly PlannedCall[]> {
  const stream = openEnqueueStream(client.channel);
  for (const [index, { call, jobs, requests }] of planned.entries()) {
    journal.append({ kind: "begun", call, jobs });
    stream.send(index + 1, requests[0]);
  }
  const ended = stream.end();
  let done = 0;
  const written: Promise<void>[] = [];
  const refused: PlannedCall[] = [];
  stream.call.on("data", ({ ackedSequence, error }: StreamEnqueueResponse) => {
    for (; done < Number(ackedSequence); done++) {
      const isRefused = error !== undefined && done + 1 === Number(ackedSequence);
      if (isRefused) refused.push(planned[done]!);
      else written.push(onAcknowledged(planned[done]!));
    }
  });
  const { code } = await ended;
  await Promise.all(written);
  const failed = [...refused, ...planned.slice(done)];
  for (const { call } of failed) journal.append({ kind: "failed", call, code: codes[code] });
  return failed;
}

/** Why it was not acknowledged, if it was not; and the other job that the answer names, if it does. */
interface CallResult {
  readonly code?: codes;
  readonly duplicateOf?: Duplicate | undefined;
}

async function makeCall(client: RelayClient, { call, jobs, requests }: PlannedCall): Promise<CallResult> {
  journal.append({ kind: "begun", call, jobs });
  try {
    if (requests.length > 1) {
      await client.batchEnqueue({ requests: [...requests] });
      return {};
    }
    const { name, uid } = await client.enqueue(requests[0]!);
    const id = idOf(name);
    return { duplicateOf: id === jobs[0]!.id ? undefined : { id, uid } };
  } catch (error) {
    const { code } = error as ServiceError;
    if (codes[code] === undefined) throw error;
    journal.append({ kind: "failed", call, code: codes[code] });
    return { code };
  }
}

function isDelivery(status: number): boolean {
  return status >= 200 && status < 300;
}
