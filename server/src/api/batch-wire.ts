/**
 * A batch on the wire, read and written in slices: at once, ten thousand jobs would hold up every other call of this
 * worker for a tenth of a second.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { BatchEnqueueResponse, EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import type { BatchRequest, BatchResponse } from "./batch-enqueue.ts";
import { inSlices, mapSequence } from "./slices.ts";

/** BatchEnqueueRequest.requests, as a length-delimited field. */
const requestsTag = (1 << 3) | WireType.LengthDelimited;

/**
 * The requests are decoded one by one, as they are asked for: ten thousand that are all there at once survive collections
 * of the young generation, which hold up every call of this worker.
 *
 * @throws RelayError INVALID_ARGUMENT if the bytes are no BatchEnqueueRequest; the sequence does so where a request is none
 */
export function readBatch(bytes: Uint8Array): BatchRequest {
  return {
    requests: mapSequence(
      unlessMalformed(() => split(bytes)),
      decodeRequest,
    ),
  };
}

function decodeRequest(bytes: Uint8Array): EnqueueRequest {
  return unlessMalformed(() => EnqueueRequest.decode(bytes));
}

function unlessMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RelayError("INVALID_ARGUMENT", "the message is no BatchEnqueueRequest", {
      reason: "MALFORMED_MESSAGE",
      cause: error,
    });
  }
}

function split(bytes: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    // Views: nothing is copied.
    if (tag === requestsTag) parts.push(reader.bytes());
    else reader.skip(tag & 7, tag >>> 3);
  }
  return parts;
}

/** The bytes of a repeated field are those of its elements, one after another. */
export async function writeBatch({ jobs }: BatchResponse): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await inSlices(jobs, (job) => void parts.push(BatchEnqueueResponse.encode({ jobs: [job] }).finish()));
  return Buffer.concat(parts);
}
