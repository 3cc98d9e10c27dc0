import type { MessageSchema } from "./schema.ts";
import type { Mask } from "./tree.ts";
export interface FilterBytesOptions {
  readonly unknownFields?: "drop" | "keep";
}
export function filterBytes(
  _schema: MessageSchema,
  bytes: Uint8Array,
  _mask: Mask,
  _options?: FilterBytesOptions,
): Uint8Array {
  return bytes;
}
