/**
 * The client of a kill proof, a process: keeps calls in flight, has each acknowledgement on disk before it counts, and
 * is the one that kills, so that between the look at what there is to lose and the kill nothing can happen to it.
 */
import { status as codes } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { answerMessages, childOptions } from "../bench/child.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import { monotonicMs, openJournal, openJournalReader } from "./journal.ts";
import type { CallEntry, KillKind, RequestEntry } from "./journal.ts";
import { planCall } from "./load.ts";
import type { LoadProfile, PlannedCall } from "./load.ts";
import { createRandom } from "./random.ts";

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
  readonly pid: number;
  /** Kills at this acknowledgement, or at the first one after it at which there is something to lose. */
  readonly killAt: number;
  /** If that has not come after so many more, nothing is killed. */
  readonly giveUpAfter: number;
  /** Calls begun after the kill. */
  readonly callsAfterKill: number;
}
export interface LoadResult {
  readonly killed: boolean;
  readonly acknowledged: number;
  readonly failed: number;
}

/** Repeats about half of the calls that failed, as a caller does who must know; answered by an empty object. */
export interface RepeatMessage {
  readonly kind: "repeat";
  readonly round: number;
  readonly seed: string;
  readonly address: string;
}

const options = childOptions<ClientOptions>();
const journal = openJournal<CallEntry>(options.calls);
const requests = openJournalReader<RequestEntry>(options.requests);
const delivered = new Set<string>();
let failedCalls: PlannedCall[] = [];
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
  let begun = 0;
  let acknowledged = 0;
  let left = Number.POSITIVE_INFINITY;
  let killed = false;
  failedCalls = [];

  function killIfSomethingIsToLose(): void {
    for (const { id, status } of requests.readNew()) if (isDelivery(status)) delivered.add(id);
    for (const id of undelivered) if (delivered.has(id)) undelivered.delete(id);
    if (undelivered.size === 0 || unanswered.size === 0) return;
    const time = monotonicMs();
    process.kill(message.pid, "SIGKILL");
    const { round, victim } = message;
    const there = { undelivered: undelivered.size, unanswered: unanswered.size };
    journal.append({ kind: "killed", round, victim, ...there, time });
    killed = true;
    left = message.callsAfterKill;
  }

  async function makeCalls(connection: number): Promise<void> {
    let before = Promise.resolve();
    while (left-- > 0) {
      const planned = planCall(message, begun++);
      const client = clients[connection]!;
      unanswered.add(planned.call);
      const code = await makeCall(client, planned);
      unanswered.delete(planned.call);
      if (code === undefined) {
        const written = journal.appendSynced({ kind: "acknowledged", call: planned.call });
        acknowledged++;
        // Not when it is on disk: by then the relay has answered what it had under way.
        if (!killed && acknowledged >= killAt) killIfSomethingIsToLose();
        if (!killed && acknowledged >= killAt + giveUpAfter) left = 0;
        // The next call does not wait for this answer to be on disk, only for the one before.
        await before;
        before = written.then(() => {
          for (const { id } of planned.jobs) undelivered.add(id);
        });
        continue;
      }
      failedCalls.push(planned);
      if (clients[connection] !== client) continue;
      // The worker at its other end is gone: a new connection leads to another.
      client.close();
      clients[connection] = createRelayClient(address);
    }
    await before;
  }

  await Promise.all(
    Array.from({ length: profile.callers }, (_, index) => makeCalls(index % profile.connections)),
  );
  for (const client of clients) client.close();
  return { killed, acknowledged, failed: failedCalls.length };
}

async function repeat({ seed, round, address }: RepeatMessage): Promise<object> {
  const random = createRandom(`${seed}/${round}/repeat`);
  const client = createRelayClient(address);
  const repeated = failedCalls.filter(() => random() < 0.5);
  await Promise.all(
    repeated.map(async (planned) => {
      const code = await makeCall(client, planned);
      // ALREADY_EXISTS: it was stored the first time.
      if (code === undefined || code === codes.ALREADY_EXISTS)
        await journal.appendSynced({ kind: "acknowledged", call: planned.call });
    }),
  );
  client.close();
  return {};
}

/** @returns why it was not acknowledged, undefined if it was */
async function makeCall(
  client: RelayClient,
  { call, jobs, requests }: PlannedCall,
): Promise<codes | undefined> {
  journal.append({ kind: "begun", call, jobs });
  try {
    if (requests.length === 1) await client.enqueue(requests[0]!);
    else await client.batchEnqueue({ requests: [...requests] });
    return undefined;
  } catch (error) {
    const { code } = error as ServiceError;
    if (codes[code] === undefined) throw error;
    journal.append({ kind: "failed", call, code: codes[code] });
    return code;
  }
}

function isDelivery(status: number): boolean {
  return status >= 200 && status < 300;
}
