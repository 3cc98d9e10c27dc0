// The generator's streams: on each connection one StreamEnqueue, with a fixed number of jobs that are not acknowledged yet.
import { StreamEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { summarizeLatencies, type LoadResult } from "./calls.ts";
import { frameMessage, type Http2Client } from "./http2-client.ts";
import { encodePayload } from "./payload.ts";

export interface StreamRun {
  /** Jobs, over all streams. */
  count: number;
  /** Of each stream. */
  window: number;
}

const idDigits = 12;
let nextId = 1;

/** The latency is from the write of a job to the acknowledgement that it is covered by. */
export async function runStreams(
  clients: readonly Http2Client[],
  targetUrl: string,
  { count, window }: StreamRun,
): Promise<LoadResult> {
  const makeRequest = requestMaker(targetUrl);
  const latencies = new Float64Array(count);
  const names: string[] = [];
  let started = 0;
  let failure: string | undefined;
  const firstNs = process.hrtime.bigint();
  let lastNs = firstNs;
  await Promise.all(clients.map(runStream));
  return {
    firstNs,
    lastNs,
    names,
    failures: count - names.length,
    failure,
    ...summarizeLatencies(latencies),
  };

  function runStream(client: Http2Client): Promise<void> {
    return new Promise((resolve) => {
      const sent: { name: string; atMs: number }[] = [];
      let acked = 0;
      const fill = (): void => {
        const messages: Buffer[] = [];
        const atMs = performance.now();
        while (started < count && sent.length - acked < window) {
          started += 1;
          const id = nextId++;
          sent.push({ name: `jobs/${jobId(id)}`, atMs });
          messages.push(makeRequest(sent.length, id));
        }
        if (messages.length > 0) stream.write(Buffer.concat(messages));
        if (started === count && acked === sent.length) stream.end();
      };
      const stream = client.openStream(
        (bytes) => {
          const { ackedSequence, error } = StreamEnqueueResponse.decode(bytes);
          lastNs = process.hrtime.bigint();
          const nowMs = performance.now();
          if (error !== undefined) failure ??= error.message;
          for (const last = Number(ackedSequence); acked < last; acked += 1) {
            const { name, atMs } = sent[acked]!;
            if (error !== undefined && acked === last - 1) continue;
            latencies[names.length] = nowMs - atMs;
            names.push(name);
          }
          fill();
        },
        (reason) => {
          failure ??= reason;
          resolve();
        },
      );
      fill();
    });
  }
}

function jobId(id: number): string {
  return `s${String(id).padStart(idDigits - 1, "0")}`;
}

/** Framed StreamEnqueueRequests: encoded once, with a sequence before it and an id of a fixed length in it. */
function requestMaker(targetUrl: string): (sequence: number, id: number) => Buffer {
  const placeholder = "?".repeat(idDigits);
  const request = encodePayload(targetUrl, { jobId: placeholder });
  const idAt = request.indexOf(placeholder);
  const [sequenceTag, requestTag] = [0x08, 0x12];
  return (sequence, id) => {
    request.write(jobId(id), idAt, "latin1");
    const head = [sequenceTag, ...varint(sequence), requestTag, ...varint(request.length)];
    return frameMessage(Buffer.concat([Buffer.from(head), request]));
  };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}
