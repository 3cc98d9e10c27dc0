/** What went wrong with a call, read out of the status that the server sent (google.rpc.Status with its details). */
import { status, type ServiceError } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { printable } from "./output.ts";

export type RpcCode = keyof typeof status;

export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcCode;
  /** From google.rpc.ErrorInfo; empty where the error did not come from Fieldpost itself. */
  readonly reason: string;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** How long the server asks to wait (google.rpc.RetryInfo), milliseconds. */
  readonly retryDelayMs: number | undefined;

  constructor(error: ServiceError) {
    super(messageOf(error), { cause: error });
    const details = detailsOf(error);
    this.code = (status[error.code] ?? "UNKNOWN") as RpcCode;
    this.reason = details.reason;
    this.violations = details.violations;
    this.retryDelayMs = details.retryDelayMs;
  }
}

/** grpc-js ends some messages with a label after which nothing comes. */
function messageOf(error: ServiceError): string {
  return (error.details === "" ? error.message : error.details).replace(/\s*Resolution note:\s*$/, "");
}

interface Details {
  reason: string;
  violations: { field: string; description: string }[];
  retryDelayMs: number | undefined;
}

function detailsOf(error: ServiceError): Details {
  const details: Details = { reason: "", violations: [], retryDelayMs: undefined };
  const [packed] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(packed)) return details;
  try {
    for (const { typeUrl, value } of Status.decode(packed).details) readDetail(details, typeUrl, value);
  } catch {
    // Details that cannot be read must not hide the error they belong to.
  }
  return details;
}

function readDetail(details: Details, typeUrl: string, value: Uint8Array): void {
  switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
    case "google.rpc.ErrorInfo":
      details.reason = ErrorInfo.decode(value).reason;
      break;
    case "google.rpc.BadRequest":
      details.violations.push(...BadRequest.decode(value).fieldViolations);
      break;
    case "google.rpc.RetryInfo": {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay !== undefined) details.retryDelayMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
      break;
    }
    default:
  }
}

/**
 * The error in lines for a person: code and message, every bad field, how long to wait, and what to do.
 *
 * @param address of the relay that was called
 */
export function describeRpcError(error: RpcError, address: string): string[] {
  const lines = [`${error.code}: ${printable(error.message)}`];
  for (const { field, description } of error.violations) {
    // A single one is the message itself.
    if (error.violations.length === 1 && error.message === `${field}: ${description}`) continue;
    lines.push(`  ${printable(field)}: ${printable(description)}`);
  }
  if (error.retryDelayMs !== undefined)
    lines.push(`  the relay asks to try again in ${error.retryDelayMs / 1000} s`);
  // A relay that runs says why it is unavailable; without a reason the error arose on the way to it.
  if (error.code === "UNAVAILABLE" && error.reason === "") {
    lines.push(
      `  no relay could be reached at ${address}: start one with "fieldpost serve", ` +
        `or say where it is with --grpc or FIELDPOST_GRPC`,
    );
  }
  if (error.code === "DEADLINE_EXCEEDED") {
    lines.push(`  ${address} did not answer in time; --deadline says how long to wait`);
  }
  return lines;
}

/** The same in one line, for reports with one line per request. */
export function summarizeRpcError(error: RpcError): string {
  const fields = error.violations.map(({ field, description }) => `${field}: ${description}`);
  return printable(`${error.code}: ${fields.length > 0 ? fields.join("; ") : error.message}`);
}
