// Says everything that is wrong with a mask, not only the first thing, and what was probably meant.

import { isWildcard } from "./compile.ts";
import { findField } from "./field-names.ts";
import type { FieldNames } from "./field-names.ts";
import { MAX_PATHS } from "./limits.ts";
import { keyProblem } from "./map-key.ts";
import { isWritable, joinSegments, parsePath } from "./path.ts";
import type { PathSegment } from "./path.ts";
import type { MessageSchema } from "./schema.ts";
import { quote } from "./text.ts";

/**
 * What a mask is for. `read`: paths go on through lists (AIP-157). `update`: a list is replaced as a whole, so it
 * stands last (AIP-134, AIP-161).
 */
export type MaskProfile = "read" | "update";

/** Why a path is refused; upper case, so that it can stand in `google.rpc.BadRequest.FieldViolation.reason`. */
export type ViolationReason =
  | "EMPTY_PATH"
  | "BAD_SYNTAX"
  | "TOO_LARGE"
  | "UNKNOWN_FIELD"
  | "NO_FIELDS_BELOW"
  | "BAD_MAP_KEY"
  | "LIST_INDEX"
  | "LIST_NOT_LAST"
  | "WILDCARD_MISPLACED"
  | "WILDCARD_NOT_ALONE"
  | "IMMUTABLE_CHANGED"
  | "REQUIRED_EMPTY";

/** One thing that is wrong with one path, or with the field that it names. */
export interface Violation {
  /** Position in the mask: this is about `paths[index]`. Absent if it is about the message that the mask is applied to. */
  readonly index?: number;
  readonly path: string;
  readonly reason: ViolationReason;
  /** For people; goes on after "the path": "names no field of fieldpost.v1.Job". */
  readonly description: string;
  /** The path that was probably meant; it is valid. In proto names, unless only JSON names are. */
  readonly suggestion?: string;
}

/** How to check. */
export interface CheckOptions {
  readonly profile: MaskProfile;
  /** A second message: when one mask serves the request and the response, a path of either is right. */
  readonly also?: MessageSchema;
  /** By which names the paths call the fields. Default `proto`. */
  readonly names?: FieldNames;
}

type Problem = Pick<Violation, "reason" | "description" | "suggestion">;

/** All violations, in the order of the paths. An absent or empty mask has none. */
export function checkPaths(
  schema: MessageSchema,
  paths: readonly string[] | undefined,
  options: CheckOptions,
): Violation[] {
  const violations: Violation[] = [];
  if (paths === undefined) return violations;
  const alone = paths.every((path) => path === "*");
  for (const [index, path] of paths.entries()) {
    if (index >= MAX_PATHS) {
      violations.push({ index, path, reason: "TOO_LARGE", description: `comes after ${MAX_PATHS} others` });
      break;
    }
    if (typeof path !== "string") {
      violations.push({
        index,
        path: "",
        reason: "BAD_SYNTAX",
        description: `is no text, but ${typeof path}`,
      });
      continue;
    }
    const problem = path === "*" ? starProblem(alone) : pathProblem(schema, path, options);
    if (problem !== undefined) violations.push({ index, path, ...problem });
  }
  return violations;
}

function starProblem(alone: boolean): Problem | undefined {
  return alone
    ? undefined
    : { reason: "WILDCARD_NOT_ALONE", description: "selects everything and must stand alone" };
}

function pathProblem(schema: MessageSchema, path: string, options: CheckOptions): Problem | undefined {
  const parsed = parsePath(path);
  if (!parsed.ok) return { reason: parsed.reason, description: parsed.description };
  const { profile, names = "proto" } = options;
  const problem = walk(schema, parsed.segments, profile, names);
  if (problem === undefined) return undefined;
  // Whoever reads the other side decides how strict to be there.
  if (options.also !== undefined && walk(options.also, parsed.segments, "read", names) === undefined) {
    return undefined;
  }
  return problem;
}

/**
 * Follows a path through the schema. A name that is close to a field's is reported and then taken for that field, and an
 * index for `*`, so that the suggestion can be given whole; the first problem is the one that is reported.
 */
function walk(
  root: MessageSchema,
  segments: readonly PathSegment[],
  profile: MaskProfile,
  names: FieldNames,
): Problem | undefined {
  let first: Problem | undefined;
  const meant: PathSegment[] = [];
  let sayable = true;
  const stop = (reason: ViolationReason, description: string): Problem => first ?? { reason, description };
  const advise = (
    reason: ViolationReason,
    description: string,
    suggestion: readonly PathSegment[],
  ): Problem =>
    first ??
    (sayable ? { reason, description, suggestion: joinSegments(suggestion) } : { reason, description });

  let schema = root;
  for (let i = 0; i < segments.length;) {
    const segment = segments[i++];
    if (segment === undefined) break;
    if (isWildcard(segment)) {
      return stop(
        "WILDCARD_MISPLACED",
        `has a "*" for the fields of ${schema.typeName}; it stands for list and map entries`,
      );
    }
    if (segment.quoted)
      return stop("UNKNOWN_FIELD", `has backticks where ${schema.typeName} needs a field name`);
    let field = findField(schema, segment.text, names);
    if (field === undefined) {
      field = schema.similarField(segment.text);
      const problem = stop(
        "UNKNOWN_FIELD",
        `has ${quote(segment.text)}, which is no field of ${schema.typeName}`,
      );
      if (field === undefined) return problem;
      first = problem;
    }
    const name = names === "json" ? field.jsonName : field.name;
    sayable &&= isWritable(name);
    meant.push({ text: name, quoted: false });
    if (i === segments.length) break;

    switch (field.kind) {
      case "scalar":
        return stop("NO_FIELDS_BELOW", `goes on after ${field.name}, which has no fields`);
      case "message":
        break;
      case "list": {
        if (profile === "update") {
          return advise(
            "LIST_NOT_LAST",
            `goes on after ${field.name}, a list, which is replaced as a whole`,
            meant,
          );
        }
        const next = segments[i];
        if (isWildcard(next)) {
          i++;
          meant.push({ text: "*", quoted: false });
          if (i === segments.length) break;
        } else if (next !== undefined && /^[0-9]+$/.test(next.text)) {
          const problem = stop("LIST_INDEX", `has an index into ${field.name}; "*" stands for all elements`);
          if (field.message === undefined) return problem;
          first = problem;
          i++;
          meant.push({ text: "*", quoted: false });
        }
        break;
      }
      case "map": {
        const key = segments[i++];
        if (key === undefined) break;
        const problem = isWildcard(key) ? undefined : keyProblem(field.key ?? "string", key.text);
        if (problem !== undefined) return stop("BAD_MAP_KEY", problem);
        meant.push(key);
        break;
      }
    }
    if (i === segments.length) break;
    if (field.message === undefined) {
      return stop("NO_FIELDS_BELOW", `goes on after ${field.name}, whose entries have no fields`);
    }
    schema = field.message;
  }
  // Only wrong names and indexes come this far with a problem, and all of the rest was right.
  return first === undefined || !sayable ? first : { ...first, suggestion: joinSegments(meant) };
}
