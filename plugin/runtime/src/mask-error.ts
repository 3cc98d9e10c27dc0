// What functions throw that have no other way to say what is wrong with a mask.

import type { Violation } from "./check.ts";

/** A mask, or an update by it, is refused. In gRPC: INVALID_ARGUMENT. */
export class MaskError extends Error {
  override readonly name = "MaskError";
  /** All that is wrong. */
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ path, description }) => `${JSON.stringify(path)} ${description}`).join("; "));
    this.violations = violations;
  }
}
