import { invalidArgument } from "../job/error.ts";
import type { FieldViolation } from "../job/error.ts";

/** A call of 32 MiB can hold millions of bad fields; who sees a hundred knows enough. */
const maxKept = 100;

/** Collects what is wrong with a request, so that a caller sees all of it at once. */
export class Violations {
  /** The first hundred. */
  readonly list: FieldViolation[] = [];

  /** @param field path from the request, in proto names */
  add(field: string, description: string): void {
    if (this.list.length < maxKept) this.list.push({ field, description });
  }

  /** @throws RelayError INVALID_ARGUMENT if anything was added */
  throwIfAny(): void {
    if (this.list.length > 0) throw invalidArgument(this.list);
  }
}
