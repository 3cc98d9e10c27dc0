// The operations on messages, typed: what generated functions call.

import { diffMessages } from "./diff.ts";
import type { DiffOptions } from "./diff.ts";
import { filterMessage } from "./filter.ts";
import { mergeMessage } from "./merge.ts";
import type { MergeOptions } from "./merge.ts";
import { pruneMessage } from "./prune.ts";
import type { MessageSchema } from "./schema.ts";
import type { Selected } from "./selected.ts";
import type { Mask } from "./tree.ts";
import { updateMessage } from "./update.ts";
import type { UpdateOptions } from "./update.ts";

/** See filterMessage. `Places` says where `T` holds its fields. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- generated code knows it, and no value does
export function filterBy<T, Places, Chosen extends string>(
  schema: MessageSchema,
  message: T,
  mask: Mask<string, Chosen>,
): Selected<T, Places, Chosen> {
  return filterMessage(schema, message, mask) as Selected<T, Places, Chosen>;
}

/** See pruneMessage. */
export function pruneBy<T>(schema: MessageSchema, message: T, mask: Mask | undefined): T {
  return pruneMessage(schema, message, mask) as T;
}

/** See updateMessage. */
export function updateBy<T>(
  schema: MessageSchema,
  target: T,
  patch: T | undefined,
  mask: Mask | undefined,
  options?: UpdateOptions,
): T {
  return updateMessage(schema, target, patch, mask, options) as T;
}

/** See mergeMessage. */
export function mergeBy<T>(
  schema: MessageSchema,
  target: T,
  source: T,
  mask: Mask | undefined,
  options?: MergeOptions,
): T {
  return mergeMessage(schema, target, source, mask, options) as T;
}

/** See diffMessages. */
export function diffBy<Path extends string>(
  schema: MessageSchema,
  before: unknown,
  after: unknown,
  options?: DiffOptions,
): Mask<Path> {
  return diffMessages(schema, before, after, options) as Mask<Path>;
}
