/**
 * A batch on the wire, read and written in slices: at once, ten thousand jobs would hold up every other call of this
 * worker for a tenth of a second.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { BatchEnqueueResponse, EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import type { BatchEnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import { inSlices } from "./slices.ts";

/** BatchEnqueueRequest.requests, as a length-delimited field. */
const requestsTag = (1 << 3) | WireType.LengthDelimited;

/** @throws RelayError INVALID_ARGUMENT if the bytes are no BatchEnqueueRequest */
export async function readBatch(bytes: Uint8Array): Promise<BatchEnqueueRequest> {
  try {
    const parts = split(bytes);
    const requests: EnqueueRequest[] = [];
    await inSlices(parts, (part) => void requests.push(EnqueueRequest.decode(part)));
    return { requests };
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
export async function writeBatch({ jobs }: BatchEnqueueResponse): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await inSlices(jobs, (job) => void parts.push(BatchEnqueueResponse.encode({ jobs: [job] }).finish()));
  return Buffer.concat(parts);
}
