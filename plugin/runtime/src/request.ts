// Masks in requests: what generated code does to the field that holds one.

import { readProperty } from "./property.ts";

/** The mask field of a request of protobuf-es. */
interface FieldMaskMessage {
  readonly paths: readonly string[];
}

/** A copy of a request whose mask has these paths as well. Paths that it has already are not repeated. */
export function addPaths<Request extends object>(
  request: Request,
  property: keyof Request,
  paths: readonly string[],
): Request {
  const held = readProperty(request, property) as readonly string[] | undefined;
  return withProperty(request, property, [...new Set([...(held ?? []), ...paths])]);
}

/** The same for a request of protobuf-es; `mask` is an empty FieldMask. */
export function addPathsToMessage<Request extends object>(
  request: Request,
  property: keyof Request,
  paths: readonly string[],
  mask: object,
): Request {
  const held = (readProperty(request, property) as FieldMaskMessage | undefined)?.paths ?? [];
  return withProperty(request, property, { ...mask, paths: [...new Set([...held, ...paths])] });
}

function withProperty<T extends object>(message: T, property: PropertyKey, value: unknown): T {
  // Not Object.assign: it would make a property __proto__, as JSON.parse may give it, the prototype of the copy.
  const copy = { ...message, [property]: value };
  const prototype: unknown = Object.getPrototypeOf(message);
  return prototype === Object.prototype
    ? copy
    : (Object.setPrototypeOf(copy, prototype as object | null) as T);
}
