/** Which jobs are meant: a filter as every store understands it, whoever wrote it and however it was written. */
import type { JobState } from "./state.ts";

/** Fields of JobSpec's request and of JobRecord that hold text. */
export type TextField = "id" | "uid" | "queue" | "dedupKey" | "method" | "url";

/** Fields of JobRecord that hold a number; times are milliseconds since the Unix epoch. */
export type NumberField =
  | "priority"
  | "attemptCount"
  | "createTime"
  | "updateTime"
  | "scheduleTime"
  | "expireTime"
  | "nextAttemptTime"
  | "finishTime";

/** The value of the label with this key. */
export interface Label {
  readonly label: string;
}

/** `labels` is set if there is any. */
export type FilterField = TextField | NumberField | Label | "state" | "labels";

export type NumberOperator = "=" | "<" | "<=" | ">" | ">=";

/** Where in the field's text the filter's text must stand. */
export type TextMatch = "whole" | "prefix" | "suffix" | "part";

/**
 * A job matches or does not, there is nothing between: a comparison with a field that is not set does not match, so its
 * `not` does. Texts are compared by their characters, case matters. An empty `and` matches all jobs, an empty `or` none.
 */
export type JobFilter =
  | { readonly kind: "and" | "or"; readonly filters: readonly JobFilter[] }
  | { readonly kind: "not"; readonly filter: JobFilter }
  | { readonly kind: "set"; readonly field: FilterField }
  | { readonly kind: "state"; readonly state: JobState }
  | {
      readonly kind: "number";
      readonly field: NumberField;
      readonly operator: NumberOperator;
      readonly value: number;
    }
  | {
      readonly kind: "text";
      readonly field: TextField | Label;
      readonly match: TextMatch;
      readonly value: string;
    };
