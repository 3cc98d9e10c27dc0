import type { FieldViolation } from "../job/error.ts";

/** Collects what is wrong with a request, so that a caller sees all of it at once. */
export class Violations {
  readonly list: FieldViolation[] = [];

  /** @param field path from the request, in proto names */
  add(field: string, description: string): void {
    this.list.push({ field, description });
  }
}
