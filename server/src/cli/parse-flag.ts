import type { ValueType } from "../config/values.ts";
import { UsageError } from "./client-command.ts";

/**
 * Reads the value of a flag that is a command's own; undefined where it was not given.
 *
 * @throws UsageError with the flag, the value and what is allowed
 */
export function parseFlag<T>(flag: string, text: string | undefined, type: ValueType<T>): T | undefined {
  if (text === undefined) return undefined;
  const value = type.parse(text);
  if (value === undefined) {
    throw new UsageError(`flag ${flag}: ${JSON.stringify(text)} is not ${type.allowed}`);
  }
  return value;
}
