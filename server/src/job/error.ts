/** The errors that a caller may see. Everything else that is thrown is a defect and answers "internal error". */

/** A closed list; api/status.ts gives each its gRPC code, http/ its status. */
export type RelayErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "ABORTED"
  | "FAILED_PRECONDITION"
  | "RESOURCE_EXHAUSTED"
  | "UNAVAILABLE"
  | "UNIMPLEMENTED";

/** One thing that is wrong with a request (google.rpc.BadRequest.FieldViolation). */
export interface FieldViolation {
  /** Path of the field in proto names, from the request: `job.http.headers[2].value`. */
  readonly field: string;
  /** What is wrong, with the value and the rule. */
  readonly description: string;
}

export interface RelayErrorDetails {
  /** UPPER_SNAKE_CASE, stable (google.rpc.ErrorInfo.reason). */
  readonly reason: string;
  readonly violations?: readonly FieldViolation[];
  /** How long the caller should wait (google.rpc.RetryInfo), milliseconds. */
  readonly retryDelayMs?: number;
  /** For the log, never for the caller. */
  readonly cause?: unknown;
}

export class RelayError extends Error {
  override readonly name = "RelayError";
  readonly code: RelayErrorCode;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly retryDelayMs: number | undefined;

  constructor(code: RelayErrorCode, message: string, details: RelayErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.violations = details.violations ?? [];
    this.retryDelayMs = details.retryDelayMs;
  }
}

/** INVALID_ARGUMENT with all that is wrong; the message names the first. */
export function invalidArgument(violations: readonly FieldViolation[]): RelayError {
  const [first, ...rest] = violations;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return new RelayError(
    "INVALID_ARGUMENT",
    first === undefined ? "invalid argument" : `${first.field}: ${first.description}${more}`,
    { reason: "INVALID_ARGUMENT", violations },
  );
}
