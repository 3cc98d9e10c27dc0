/** The only place that knows which gRPC code an error has, and how google.rpc details travel (AIP-193). */
import { Metadata, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import type { BadRequest_FieldViolation } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import type { Any } from "../gen/google/protobuf/any.ts";
import { RelayError } from "../job/error.ts";
import type { FieldViolation, RelayErrorCode } from "../job/error.ts";
import { toDuration } from "./wire-time.ts";

const codes: { readonly [C in RelayErrorCode]: status } = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  ABORTED: status.ABORTED,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  UNAVAILABLE: status.UNAVAILABLE,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
};

/**
 * So many bytes of bad fields are told, whole ones only. gRPC's C core (Python, Ruby, PHP, C++) takes 8 KiB of metadata
 * and turns more into RESOURCE_EXHAUSTED; base64 makes 4 bytes of 3, and the message stands there twice.
 */
const maxViolationBytes = 4000;

/** ErrorInfo.domain of every error. */
export const errorDomain = "fieldpost.dev";

interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

function any<T>(name: string, codec: Encoder<T>, message: T): Any {
  return {
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    value: Buffer.from(codec.encode(message).finish()),
  };
}

/** The google.rpc.ErrorInfo of a reason. */
export function errorInfo(reason: string, metadata: ReadonlyMap<string, string> = new Map()): Any {
  return any("ErrorInfo", ErrorInfo, { reason, domain: errorDomain, metadata: new Map(metadata) });
}

/** An error as grpc-js takes it from a handler. */
export type GrpcError = Error &
  Pick<ServiceError, "code" | "details"> &
  Partial<Pick<ServiceError, "metadata">>;

function toFieldViolations(violations: readonly FieldViolation[]): BadRequest_FieldViolation[] {
  let bytes = 0;
  const told = violations.filter(({ field, description }) => {
    bytes += Buffer.byteLength(field) + Buffer.byteLength(description);
    return bytes <= maxViolationBytes;
  });
  return told.map((violation) => ({ ...violation, reason: "", localizedMessage: undefined }));
}

/** What grpc-js sends for an error. */
export function toGrpcError(error: unknown): GrpcError {
  const whole = toStatus(error);
  const { code, message } = whole;
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(whole).finish()));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** The google.rpc.Status of an error. Anything that is not a RelayError is a defect: INTERNAL, without its text. */
export function toStatus(error: unknown): Status & { readonly code: status } {
  if (!(error instanceof RelayError)) {
    return { code: status.INTERNAL, message: "internal error", details: [errorInfo("INTERNAL")] };
  }
  const details: Any[] = [errorInfo(error.reason)];
  if (error.violations.length > 0) {
    details.push(any("BadRequest", BadRequest, { fieldViolations: toFieldViolations(error.violations) }));
  }
  if (error.retryDelayMs !== undefined) {
    details.push(any("RetryInfo", RetryInfo, { retryDelay: toDuration(error.retryDelayMs) }));
  }
  return { code: codes[error.code], message: error.message, details };
}

/** After so long a caller that met a full queue may try again. */
const fullRetryMs = 1000;

/** @param rest what did not happen therefore: `nothing was stored` */
export function queueFull(
  { depth, limit }: { readonly depth: number; readonly limit: number },
  rest: string,
): RelayError {
  return new RelayError(
    "RESOURCE_EXHAUSTED",
    `the queue holds ${depth} unfinished jobs and may hold ${limit}; ${rest}`,
    { reason: "QUEUE_FULL", retryDelayMs: fullRetryMs },
  );
}
