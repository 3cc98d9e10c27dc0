import type { StreamEnqueueRequest, StreamEnqueueResponse } from "../gen/fieldpost/v1/relay.ts";
import { RelayError, invalidArgument } from "../job/error.ts";
import type { NewJob } from "../job/job.ts";
import { traceOf, withSpan } from "../telemetry/carrier.ts";
import { markFailed, startEnqueueSpan } from "../telemetry/spans.ts";
import { checkEnqueueRequest } from "./check-job.ts";
import { storeEach } from "./enqueue.ts";
import type { Call, Relay } from "./relay.ts";
import { toStatus } from "./status.ts";
import type { Intake } from "./stream-intake.ts";
import { Violations } from "./violations.ts";

/** What goes to disk in one transaction, so long that calls beside it hardly notice. */
const maxGroup = { messages: 500, bytes: 4 * 1024 * 1024 };

/** The way back to the caller. */
export interface Answers {
  /** @returns when more may be written: a caller that does not read is not written to without end */
  write(response: StreamEnqueueResponse): Promise<void>;
}

/**
 * Takes what the caller sends in groups: while one is on its way to disk, the next one collects. So a caller that waits
 * for each acknowledgement gets it at once, and one that does not wait pays for one transaction a group.
 *
 * @throws RelayError INVALID_ARGUMENT if the sequence does not grow, UNAVAILABLE if this worker stops or the store takes
 *   no more: by then all that was stored is acknowledged
 */
export async function streamEnqueue(
  relay: Relay,
  intake: Intake<StreamEnqueueRequest>,
  answers: Answers,
  call: Call,
): Promise<void> {
  let before = 0n;
  for await (const messages of intake.groups(maxGroup, weigh)) {
    const bad = messages.findIndex(
      ({ sequence }, index) => sequence <= (messages[index - 1]?.sequence ?? before),
    );
    const group = bad === -1 ? messages : messages.slice(0, bad);
    if (group.length > 0) await takeOver(relay, group, answers, call);
    before = group.at(-1)?.sequence ?? before;
    if (bad !== -1) throw notGrowing(messages[bad]!.sequence, before);
  }
}

function notGrowing(sequence: bigint, before: bigint): RelayError {
  const description =
    before === 0n ? `is ${sequence}, must be from 1 on` : `is ${sequence} after ${before}, must grow`;
  return invalidArgument([{ field: "sequence", description }]);
}

/** About what a message takes in memory. */
function weigh({ request }: StreamEnqueueRequest): number {
  return 1024 + (request?.job?.target?.http.body.length ?? 0);
}

async function takeOver(
  relay: Relay,
  group: readonly StreamEnqueueRequest[],
  answers: Answers,
  call: Call,
): Promise<void> {
  const span = startEnqueueSpan(call.context, "default", group.length);
  try {
    const now = relay.clock();
    const trace = traceOf(withSpan(call.context, span));
    const refusals: (RelayError | undefined)[] = [];
    const jobs: NewJob[] = [];
    const indexes: number[] = [];
    for (const [index, { request }] of group.entries()) {
      const violations = new Violations();
      if (request === undefined) violations.add("request", "is required");
      else {
        const job = checkEnqueueRequest(request, "request.", relay.limits, trace, now, violations);
        if (violations.list.length === 0 && !request.validateOnly) indexes[jobs.push(job) - 1] = index;
      }
      if (violations.list.length > 0) refusals[index] = invalidArgument(violations.list);
    }
    const stored = jobs.length === 0 ? [] : await persist(relay, jobs, now);
    for (const [at, refusal] of stored.entries()) refusals[indexes[at]!] = refusal;
    await acknowledge(group, refusals, answers);
  } catch (error) {
    markFailed(span, error instanceof RelayError ? error.reason : "INTERNAL");
    throw error;
  } finally {
    span.end();
  }
}

/** When the disk does not keep up, the stream waits: the caller is told so by its flow control. */
async function persist(
  relay: Relay,
  jobs: readonly NewJob[],
  now: number,
): Promise<readonly (RelayError | undefined)[]> {
  for (;;) {
    try {
      return await storeEach(relay, jobs, now);
    } catch (error) {
      if (!(error instanceof RelayError) || error.reason !== "STORE_BEHIND") throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryDelayMs));
    }
  }
}

/** One answer for all up to a refusal, and one for the rest. */
async function acknowledge(
  group: readonly StreamEnqueueRequest[],
  refusals: readonly (RelayError | undefined)[],
  answers: Answers,
): Promise<void> {
  const last = group.length - 1;
  for (const [index, { sequence }] of group.entries()) {
    const refusal = refusals[index];
    if (refusal === undefined && index < last) continue;
    await answers.write({
      ackedSequence: sequence,
      error: refusal === undefined ? undefined : toStatus(refusal),
    });
  }
}
