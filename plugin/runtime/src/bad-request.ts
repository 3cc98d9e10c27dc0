// What is wrong with a mask, as it goes back to the caller.

import type { Violation } from "./check.ts";
import { quote, shorten } from "./text.ts";

/** google.rpc.BadRequest, as ts-proto and protobuf-es hold it. */
export interface BadRequest {
  readonly fieldViolations: BadRequestViolation[];
}

/** google.rpc.BadRequest.FieldViolation, without the localized message. */
export interface BadRequestViolation {
  /** Which path it is about, counted from 0: `update_mask.paths[1]`; or the field of the resource: `owner`. */
  readonly field: string;
  /** A sentence for people. */
  readonly description: string;
  /** For programs: a ViolationReason. */
  readonly reason: string;
}

/**
 * The details of an INVALID_ARGUMENT (AIP-193), one violation for each of the mask's. `field` is the mask in the request,
 * in proto names. gRPC sends details in trailers, for which peers have some KiB: of a hostile mask, hand in the first
 * violations only.
 */
export function toBadRequest(violations: readonly Violation[], field = "update_mask"): BadRequest {
  return {
    fieldViolations: violations.map((violation) => ({
      field: violation.index === undefined ? violation.path : `${field}.paths[${violation.index}]`,
      description: describeViolation(violation),
      reason: violation.reason,
    })),
  };
}

/** Thrown by functions that take paths and do not return what is wrong with them. */
export class MaskError extends Error {
  override readonly name = "MaskError";
  /** All of them; the message holds the first few. */
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    const more = violations.length > MAX_LISTED ? ` And ${violations.length - MAX_LISTED} more.` : "";
    super(`${violations.slice(0, MAX_LISTED).map(describeViolation).join(" ")}${more}`);
    this.violations = violations;
  }
}

const MAX_LISTED = 10;

// A suggestion that is cut would be none.
const MAX_SUGGESTION = 256;

function describeViolation({ path, description, suggestion }: Violation): string {
  const meant =
    suggestion === undefined || suggestion.length > MAX_SUGGESTION ? "" : ` Did you mean ${suggestion}?`;
  return `The path ${quote(path)} ${shorten(description, 512)}.${meant}`;
}
