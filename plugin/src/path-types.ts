// The type of all paths of a message: a union of literals, in which a field that holds a message adds that message's
// paths behind its own name. What this plans has to stay cheap for the type checker, so the paths below a map are one
// `${string}`, and messages that contain themselves are followed to a depth.
//
// Such a message gets one type that takes the level below as a parameter, and one line for each level. A type that
// counts down by itself would be shorter, but tsc looks at its constraint, which is every depth at once.

import type { FieldModel, MessageModel } from "./message-model.ts";

/** For one message that contains itself. */
const MAX_RECURSIVE = 2_000;
/** For any message. tsc refuses unions of 100,000 members, and is slow long before. */
const MAX_MEMBERS = 20_000;

type Profile = "read" | "update";

/** One path type to be written. */
export interface PathType {
  readonly name: string;
  readonly exported: boolean;
  readonly message: MessageModel;
  /** How deep the type goes, if the message contains itself. */
  readonly depth: number | undefined;
  /** What follows the name: "", or parameters. */
  readonly parameters: string;
  /** The members of the union, as TypeScript. */
  readonly members: readonly string[];
}

interface Need {
  readonly message: MessageModel;
  readonly profile: Profile;
}

/** Plans the path types of one file. */
export class PathTypes {
  readonly #needed = new Map<string, Need>();
  readonly #depthLimit: number;

  constructor(roots: readonly Need[], pathDepth: number) {
    for (const { message, profile } of roots) this.#need(message, profile);
    this.#depthLimit = this.#fittingLimit(pathDepth);
  }

  /** All that have to be written. */
  get all(): PathType[] {
    return [...this.#needed.values()].flatMap((need) => this.#typesOf(need));
  }

  /** The name of a message's path type. Update masks share that of read masks where both allow the same. */
  nameOf(message: MessageModel, profile: Profile): string {
    return `${message.localName}${effectiveProfile(message, profile) === "update" ? "PathInUpdate" : "Path"}`;
  }

  /** The name of the widest type that is written for a message. */
  widestNameOf(message: MessageModel): string {
    const read = this.nameOf(message, "read");
    return this.#needed.has(read) ? read : this.nameOf(message, "update");
  }

  #need(message: MessageModel, profile: Profile): void {
    const name = this.nameOf(message, profile);
    if (this.#needed.has(name)) return;
    this.#needed.set(name, { message, profile: effectiveProfile(message, profile) });
    for (const inside of insideOf(message, profile)) this.#need(inside, profile);
  }

  #typesOf({ message, profile }: Need): PathType[] {
    const name = this.nameOf(message, profile);
    const cycle = cycleOf(message, profile);
    const common = { message, depth: undefined, parameters: "", exported: true };
    const members = message.fields.flatMap((field) => this.#membersOf(field, cycle, profile));
    if (cycle.size === 0) return [{ ...common, name, members }];

    const depth = depthOf(message, profile, this.#depthLimit);
    const back = [...new Set(insideOf(message, profile).filter((inside) => cycle.has(inside)))];
    const parameters = `<${back.map((inside) => `${parameterOf(inside)} extends string`).join(", ")}>`;
    const levels = Array.from({ length: depth }, (_, level): PathType => {
      const below = back.map((inside) =>
        level === 0 ? "never" : `${this.nameOf(inside, profile)}To${level}`,
      );
      return {
        ...common,
        name: `${name}To${level + 1}`,
        exported: false,
        members: [`${name}Over<${below.join(", ")}>`],
      };
    });
    return [
      { ...common, name, depth, members: [`${name}To${depth}`] },
      { ...common, name: `${name}Over`, exported: false, parameters, members },
      ...levels,
    ];
  }

  #membersOf(field: FieldModel, cycle: ReadonlySet<MessageModel>, profile: Profile): string[] {
    const own = JSON.stringify(field.name);
    const prefix = prefixBelow(field, profile);
    if (prefix === "map") return [own, `\`${field.name}.\${string}\``];
    if (prefix === undefined || field.message === undefined) return [own];
    const inside = cycle.has(field.message)
      ? parameterOf(field.message)
      : this.nameOf(field.message, profile);
    return [own, `\`${prefix}.\${${inside}}\``];
  }

  /** The largest limit up to `pathDepth` with which no union has too many members. */
  #fittingLimit(pathDepth: number): number {
    const needs = [...this.#needed.values()];
    for (let limit = pathDepth; limit > 1; limit--) {
      if (needs.every(({ message, profile }) => countMembers(message, profile, limit) <= MAX_MEMBERS))
        return limit;
    }
    return 1;
  }
}

function parameterOf(message: MessageModel): string {
  return `${message.localName}Below`;
}

/** What stands before the paths of the message that a field holds; "map" if any text does. */
function prefixBelow(field: FieldModel, profile: Profile): string | undefined {
  if (field.kind === "map" && field.mapKey !== "bool") return "map";
  if (field.message === undefined) return undefined;
  if (field.kind === "message") return field.name;
  // A list stands last in an update mask; entries of a map with bool keys have no path but `*`.
  return field.kind === "list" && profile === "update" ? undefined : `${field.name}.*`;
}

function insideOf(message: MessageModel, profile: Profile): MessageModel[] {
  return message.fields.flatMap((field) => {
    const prefix = prefixBelow(field, profile);
    return prefix === undefined || prefix === "map" || field.message === undefined ? [] : [field.message];
  });
}

function effectiveProfile(message: MessageModel, profile: Profile): Profile {
  if (profile === "read") return "read";
  const differs = [message, ...everythingInside(message, "read")].some(({ fields }) =>
    fields.some((field) => field.kind === "list" && field.message !== undefined),
  );
  return differs ? "update" : "read";
}

/** All messages that contain each other and this one; empty if it does not contain itself. */
function cycleOf(message: MessageModel, profile: Profile): Set<MessageModel> {
  const inside = [...everythingInside(message, profile)];
  return new Set(inside.filter((other) => everythingInside(other, profile).has(message)));
}

function everythingInside(message: MessageModel, profile: Profile): Set<MessageModel> {
  const found = new Set<MessageModel>();
  const queue = [message];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const inside of insideOf(next, profile)) {
      if (found.has(inside)) continue;
      found.add(inside);
      queue.push(inside);
    }
  }
  return found;
}

/** The depth of all messages of one cycle: they refer to each other's levels. */
function depthOf(message: MessageModel, profile: Profile, limit: number): number {
  const cycle = [...cycleOf(message, profile)];
  for (let depth = limit; depth > 1; depth--) {
    if (cycle.every((member) => countLevel(member, profile, depth) <= MAX_RECURSIVE)) return depth;
  }
  return 1;
}

/** How many paths stay within a cycle. */
function countLevel(message: MessageModel, profile: Profile, depth: number): number {
  const cycle = cycleOf(message, profile);
  let counts = new Map<MessageModel, number>([...cycle].map((member) => [member, 0]));
  for (let level = 0; level < depth; level++) {
    const below = counts;
    counts = new Map(
      [...cycle].map((member) => {
        const inside = insideOf(member, profile).map((other) => below.get(other) ?? 0);
        return [member, inside.reduce((sum, count) => sum + count, member.fields.length)];
      }),
    );
  }
  return counts.get(message) ?? 0;
}

/** How many paths a message has in all. */
function countMembers(root: MessageModel, profile: Profile, limit: number): number {
  const counts = new Map<string, number>();
  const count = (message: MessageModel, left: number): number => {
    const key = `${message.localName} ${left}`;
    const known = counts.get(key);
    if (known !== undefined) return known;
    const cycle = cycleOf(message, profile);
    let sum = message.fields.length;
    for (const inside of insideOf(message, profile)) {
      if (!cycle.has(inside)) sum += count(inside, depthOf(inside, profile, limit));
      else if (left > 1) sum += count(inside, left - 1);
    }
    counts.set(key, sum);
    return sum;
  };
  return count(root, depthOf(root, profile, limit));
}
