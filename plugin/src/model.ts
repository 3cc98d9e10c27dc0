// Plain data between descriptors and text: what is to be generated for one proto file. Everything that can be wrong
// with the proto is found here; the printer only writes.

import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { maskNames, requireDistinctMasks } from "./declared-names.ts";
import { GenerateError } from "./generate-error.ts";
import { buildMessages, requireInterface } from "./message-model.ts";
import type { MessageModel } from "./message-model.ts";
import { pascalName, propertyName, typeName } from "./names.ts";
import { readOption } from "./options.ts";
import type { MaskOption } from "./options.ts";
import type { Shape } from "./parameters.ts";
import { resolveMessage } from "./resolve.ts";

/** One generated file. */
export interface FileModel {
  readonly masks: readonly MaskModel[];
  /** Every message that a path can go into, each once, however many masks use it. */
  readonly messages: readonly MessageModel[];
}

/** One side of one mask field. */
export interface MaskModel {
  /** `GetJobRequestReadMask`: the start of all names. */
  readonly name: string;
  /** `GetJobRequest.read_mask`, for comments. */
  readonly field: string;
  readonly profile: "read" | "update";
  /** The message that the paths are of. */
  readonly message: MessageModel;
  /** The message of the other side, if one mask serves both. */
  readonly also: MessageModel | undefined;
  /** The message that holds the mask. */
  readonly request: DescMessage;
  /** Its property that holds the mask. */
  readonly property: string;
  /** For updates: its property that holds the resource; absent if the mask is relative to the request itself. */
  readonly resource: string | undefined;
}

/** A mask field with its option understood, before its messages are modelled. */
interface MaskSource {
  readonly field: DescField;
  readonly name: string;
  readonly resource: DescField | undefined;
  readonly in: DescMessage | undefined;
  readonly out: DescMessage | undefined;
}

/** The model of one file, or undefined if it has no mask to generate for. Throws a GenerateError with all problems. */
export function buildFile(
  file: DescFile,
  allFiles: readonly DescFile[],
  shape: Shape,
  warn: (text: string) => void,
): FileModel | undefined {
  const problems: string[] = [];
  const sources: MaskSource[] = [];
  for (const field of fieldsOf(file.messages)) {
    const read = readOption(field);
    if (read.kind === "none") continue;
    const where = `${file.name}.proto: ${field.parent.typeName}.${field.name}`;
    if (read.kind === "foreign") {
      warn(`${where}: ${read.description}; left out`);
      continue;
    }
    try {
      sources.push(toSource(field, read.option, allFiles, shape));
    } catch (error) {
      if (!(error instanceof GenerateError)) throw error;
      problems.push(`${where}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new GenerateError(problems.join("\n"));

  const roots = sources.flatMap((source) => [source.in, source.out]).filter((root) => root !== undefined);
  if (roots.length === 0) return undefined;
  requireDistinctMasks(sources.map((source) => ({ field: source.field, names: namesOf(source) })));
  const models = buildMessages(roots, file, shape, sources.flatMap(namesOf).flatMap(maskNames));
  return {
    masks: sources.flatMap((source) => toMasks(source, models, shape)),
    messages: [...models.values()],
  };
}

function toSource(
  field: DescField,
  option: MaskOption,
  allFiles: readonly DescFile[],
  shape: Shape,
): MaskSource {
  if (field.fieldKind !== "message" || field.message.typeName !== "google.protobuf.FieldMask") {
    throw new GenerateError("the option stands on a field that is not a singular google.protobuf.FieldMask");
  }
  if (field.oneof !== undefined) throw new GenerateError("the option stands on a member of a oneof");
  const resource = resourceField(field.parent, option.in?.resource ?? "");
  const source: MaskSource = {
    field,
    name: typeName(field.parent, shape) + pascalName(field.name),
    resource,
    in: option.in && (resource?.message ?? field.parent),
    out: option.out && resolveMessage(option.out.message, field.parent, allFiles),
  };
  if (source.in) requireInterface(source.in, shape, resource);
  if (source.out) requireInterface(source.out, shape);
  return source;
}

/** The names of its sides: those of the response, or else those of the request, are plain. */
function namesOf({ name, ...source }: MaskSource): string[] {
  return source.in && source.out ? [name, `${name}In`] : source.in || source.out ? [name] : [];
}

/** A mask for both sides has two sets of paths; those of the response have the plain name. */
function toMasks(
  { field, name, resource, ...source }: MaskSource,
  models: Map<DescMessage, MessageModel>,
  shape: Shape,
): MaskModel[] {
  const input = source.in && models.get(source.in);
  const output = source.out && models.get(source.out);
  const base = {
    field: `${field.parent.name}.${field.name}`,
    request: field.parent,
    property: propertyName(field, shape),
    resource: resource && propertyName(resource, shape),
  };
  const masks: MaskModel[] = [];
  if (output) masks.push({ ...base, name, profile: "read", message: output, also: input });
  if (input) {
    const inName = output ? `${name}In` : name;
    masks.push({ ...base, name: inName, profile: "update", message: input, also: output });
  }
  return masks;
}

function resourceField(owner: DescMessage, name: string): DescField | undefined {
  if (name === "") return undefined;
  const field = owner.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new GenerateError(`in.resource "${name}" is no field of ${owner.typeName}`);
  if (field.fieldKind !== "message") {
    throw new GenerateError(`in.resource "${name}" is not a singular message field`);
  }
  if (field.oneof !== undefined) throw new GenerateError(`in.resource "${name}" is a member of a oneof`);
  return field;
}

function* fieldsOf(messages: readonly DescMessage[]): Iterable<DescField> {
  for (const message of messages) {
    yield* message.fields;
    yield* fieldsOf(message.nestedMessages);
  }
}
