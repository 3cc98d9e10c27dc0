// The one request that every bench enqueues: a POST with two headers and a body of 200 bytes.
import { BatchEnqueueRequest, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";

export const bodyBytes = 200;
export const method = "POST";
export const body = Buffer.alloc(bodyBytes, "x");
export const headers = [
  { name: "content-type", value: "application/octet-stream" },
  { name: "x-bench", value: "fieldpost" },
];

/** What of it may differ. */
export interface PayloadOptions {
  jobId?: string;
  /** Not sent before so long after it was taken over. */
  delaySeconds?: number | undefined;
}

/** An encoded EnqueueRequest for the target at `url`. */
export function encodePayload(url: string, options: PayloadOptions = {}): Buffer {
  return Buffer.from(EnqueueRequest.encode(makePayload(url, options)).finish());
}

/** An encoded BatchEnqueueRequest of `size` of them; `delaySecondsOf` gets the place of each. */
export function encodeBatch(
  url: string,
  size: number,
  delaySecondsOf: (index: number) => number | undefined = () => undefined,
): Buffer {
  const requests = Array.from({ length: size }, (_, index) =>
    makePayload(url, { delaySeconds: delaySecondsOf(index) }),
  );
  return Buffer.from(BatchEnqueueRequest.encode({ requests }).finish());
}

function makePayload(url: string, { jobId = "", delaySeconds }: PayloadOptions): EnqueueRequest {
  return EnqueueRequest.fromPartial({
    job: { target: { $case: "http", http: { method, url, headers, body } } },
    jobId,
    ...(delaySeconds === undefined ? {} : { delay: { seconds: BigInt(delaySeconds) } }),
  });
}
