// Updates as AIP-134 and AIP-161 have them: what the mask names is taken from the patch, set or cleared. With field
// behavior (AIP-203), what a caller may not write is left as it is, or refused.

import { copyMessage, copyValue, equalValues } from "./copy.ts";
import { MaskError } from "./bad-request.ts";
import type { PathSegment } from "./path.ts";
import type { FieldSchema, MessageForm, MessageSchema, Values } from "./schema.ts";
import { ALL, MapTree, MessageTree, NOTHING, checkType } from "./tree.ts";
import type { Mask, Selection } from "./tree.ts";
import type { Violation } from "./check.ts";

/** How to update. */
export interface UpdateOptions {
  /**
   * Respects google.api.field_behavior (AIP-203): OUTPUT_ONLY is left as it is, at any depth; IMMUTABLE and IDENTIFIER
   * may be named, but not changed; REQUIRED may not be left empty. Default false.
   */
  readonly fieldBehavior?: boolean;
}

/**
 * A new message: `target` with what the mask names taken from `patch`. No mask: what is populated in the patch, messages
 * merged field by field, lists and maps replaced (AIP-134). `*`: everything. A field that is named and unset in the
 * patch is cleared; one inside of a message that neither side has stays away. Both arguments stay as they are.
 *
 * Throws a MaskError with everything that field behavior forbids, a RangeError if the mask goes into a list, and a
 * TypeError if it is for another message type.
 */
export function updateMessage(
  schema: MessageSchema,
  target: unknown,
  patch: unknown,
  mask: Mask | undefined,
  { fieldBehavior = false }: UpdateOptions = {},
): unknown {
  if (mask !== undefined) checkType(mask, schema);
  const update = new Update(fieldBehavior);
  // JSON has null for a resource that is not there.
  const result = update.run(schema, target, patch ?? undefined, mask);
  if (update.violations.length > 0) throw new MaskError(update.violations);
  return result;
}

type Path = readonly PathSegment[];

class Update {
  readonly violations: Violation[] = [];
  readonly #behavior: boolean;

  constructor(behavior: boolean) {
    this.#behavior = behavior;
  }

  run(schema: MessageSchema, target: unknown, patch: unknown, mask: Mask | undefined): unknown {
    if (mask === undefined || mask.absent === true) return this.#populate(schema, target, patch, []);
    if (mask.selection === NOTHING) return copyMessage(schema, target);
    if (mask.selection === ALL) return this.#replace(schema, target, patch, []);
    return this.#select(schema, target, patch, mask.selection, []);
  }

  /** What a tree names, of two messages of which one at least is set. */
  #select(schema: MessageSchema, target: unknown, patch: unknown, tree: MessageTree, path: Path): unknown {
    return this.#each(schema, target, patch, target, path, (form, field, old, given, at) => {
      const selection = tree.fields[field.index];
      if (selection === undefined) return keep(form, field, old);
      const value = (): unknown => this.#selectValue(form, field, old, given, selection, at);
      return this.#guard(
        form,
        field,
        old,
        at,
        { whole: selection === ALL, fresh: target === undefined },
        value,
      );
    });
  }

  #selectValue(
    form: MessageForm,
    field: FieldSchema,
    old: unknown,
    given: unknown,
    selection: Selection,
    at: Path,
  ): unknown {
    if (selection === ALL) return this.#replaceValue(form, field, old, given, at);
    if (selection instanceof MapTree) return this.#selectEntries(form, field, old, given, selection, at);
    if (field.kind === "list") {
      throw new RangeError(`${printPath(at)}: an update replaces a list as a whole (AIP-161)`);
    }
    if (field.message === undefined || (old === undefined && given === undefined)) return undefined;
    // What names only what is not the caller's to write makes no parent for it, and so replaces no other oneof member.
    if (this.#behavior && old === undefined && !namesWritable(selection)) return undefined;
    return this.#select(field.message, old, given, selection, at);
  }

  #selectEntries(
    form: MessageForm,
    field: FieldSchema,
    old: unknown,
    given: unknown,
    tree: MapTree,
    at: Path,
  ): unknown {
    const before = (old as Map<string, unknown> | undefined) ?? new Map<string, unknown>();
    const wanted = (given as Map<string, unknown> | undefined) ?? new Map<string, unknown>();
    const after = keep(form, field, new Map(before)) as Map<string, unknown>;
    const item: FieldSchema = { ...field, kind: field.message === undefined ? "scalar" : "message" };
    for (const key of new Set([...before.keys(), ...wanted.keys()])) {
      const part = tree.entry(key);
      if (part === undefined) continue;
      const below = [...at, { text: key, quoted: true }];
      const entry = this.#selectValue(form, item, before.get(key), wanted.get(key), part, below);
      if (entry === undefined) after.delete(key);
      else after.set(key, entry);
    }
    return after.size === 0 ? undefined : after;
  }

  /** All of the patch, except for what is not the caller's to write. `target` is what it replaces, if there is such. */
  #replace(schema: MessageSchema, target: unknown, patch: unknown, path: Path): unknown {
    if (patch === undefined && !this.#behavior) return schema.form.close([], undefined);
    if (!this.#behavior) return copyMessage(schema, patch);
    return this.#each(schema, target, patch, patch, path, (form, field, old, given, at) => {
      const value = (): unknown => this.#replaceValue(form, field, old, given, at);
      return this.#guard(form, field, old, at, { whole: true, fresh: target === undefined }, value);
    });
  }

  #replaceValue(form: MessageForm, field: FieldSchema, old: unknown, given: unknown, at: Path): unknown {
    const { message } = field;
    if (!this.#behavior || message === undefined) return keep(form, field, given);
    if (field.kind === "list") {
      return (given as unknown[] | undefined)?.map((element) =>
        this.#replace(message, undefined, element, [...at, { text: "*", quoted: false }]),
      );
    }
    if (field.kind === "map") {
      const before = old as Map<string, unknown> | undefined;
      const entries = given as Map<string, unknown> | undefined;
      if (entries === undefined) return undefined;
      const after = new Map<string, unknown>();
      for (const [key, entry] of entries) {
        after.set(key, this.#replace(message, before?.get(key), entry, [...at, { text: key, quoted: true }]));
      }
      return after;
    }
    if (given !== undefined) return this.#replace(message, old, given, at);
    // Cleared, but for what is not the caller's to clear.
    return old === undefined || field.oneof !== undefined ? undefined : outputOnlyPart(message, old);
  }

  /** What is set in the patch. */
  #populate(schema: MessageSchema, target: unknown, patch: unknown, path: Path): unknown {
    return this.#each(schema, target, patch, target, path, (form, field, old, given, at) => {
      if (given === undefined) return keep(form, field, old);
      return this.#guard(form, field, old, at, { whole: true, fresh: false }, () =>
        field.kind === "message" && field.message?.isValue === false && old !== undefined
          ? this.#populate(field.message, old, given, at)
          : this.#replaceValue(form, field, old, given, at),
      );
    });
  }

  /** A message whose fields are computed from those of two others. */
  #each(
    schema: MessageSchema,
    target: unknown,
    patch: unknown,
    base: unknown,
    path: Path,
    compute: (form: MessageForm, field: FieldSchema, old: unknown, given: unknown, at: Path) => unknown,
  ): unknown {
    const { form, fields } = schema;
    const before = target === undefined ? [] : form.open(target);
    const wanted = patch === undefined ? [] : form.open(patch);
    const after: Values = fields.map((field) =>
      compute(form, field, before[field.index], wanted[field.index], [
        ...path,
        { text: field.name, quoted: false },
      ]),
    );
    for (const { index, siblings } of fields) {
      // Of a oneof, the member that the patch has set is the one that stays, if it was taken over.
      if (wanted[index] === undefined || after[index] === undefined) continue;
      for (const other of siblings) after[other] = undefined;
    }
    return form.close(after, base);
  }

  /**
   * The new value of a field, as far as it is the caller's to write. `whole`: the field itself is named. `fresh`: its
   * message is new, so that its fields are set for the first time, also immutable ones.
   */
  #guard(
    form: MessageForm,
    field: FieldSchema,
    old: unknown,
    at: Path,
    { whole, fresh }: { readonly whole: boolean; readonly fresh: boolean },
    compute: () => unknown,
  ): unknown {
    if (!this.#behavior) return compute();
    if (field.behaviors.includes("OUTPUT_ONLY")) return keep(form, field, old);
    const value = compute();
    const fixed = field.behaviors.find((behavior) => behavior === "IMMUTABLE" || behavior === "IDENTIFIER");
    if (fixed !== undefined && !fresh && !equalValues(form, field, old, value)) {
      this.#refuse(at, "IMMUTABLE_CHANGED", `is ${fixed} and cannot be changed (AIP-203)`);
      return keep(form, field, old);
    }
    if (whole && value === undefined && field.behaviors.includes("REQUIRED")) {
      this.#refuse(at, "REQUIRED_EMPTY", "is REQUIRED and cannot be empty (AIP-203)");
    }
    return value;
  }

  #refuse(at: Path, reason: Violation["reason"], description: string): void {
    this.violations.push({ path: printPath(at), reason, description });
  }
}

/** True if a tree names anything that is not OUTPUT_ONLY. */
function namesWritable(tree: MessageTree): boolean {
  return tree.schema.fields.some((field) => {
    const selection = tree.fields[field.index];
    if (selection === undefined || field.behaviors.includes("OUTPUT_ONLY")) return false;
    return selection instanceof MessageTree ? namesWritable(selection) : true;
  });
}

function keep(form: MessageForm, field: FieldSchema, value: unknown): unknown {
  return value === undefined ? undefined : copyValue(form, field, value);
}

/** A message with only what is OUTPUT_ONLY in it; undefined if there is nothing of that. */
function outputOnlyPart(schema: MessageSchema, message: unknown): unknown {
  const { form, fields } = schema;
  const values = form.open(message);
  let found = false;
  for (const field of fields) {
    const value = values[field.index];
    if (value === undefined) continue;
    if (field.behaviors.includes("OUTPUT_ONLY")) values[field.index] = copyValue(form, field, value);
    else if (field.kind === "message" && field.message !== undefined && field.oneof === undefined) {
      values[field.index] = outputOnlyPart(field.message, value);
    } else values[field.index] = undefined;
    found ||= values[field.index] !== undefined;
  }
  return found ? form.close(values, message) : undefined;
}

/** A key with a backtick has no path; here it only has to be read. */
function printPath(path: Path): string {
  return path.map(({ text, quoted }) => (quoted ? `\`${text}\`` : text)).join(".");
}
