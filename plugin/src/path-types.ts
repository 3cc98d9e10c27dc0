// The type of all paths of a message: a union of literals, in which a field that holds a message adds that message's
// paths behind its own name. What this plans has to stay cheap for the type checker, so the paths below a map are one
// `${string}`, and messages that contain themselves are followed to a depth.
//
// Such a message gets one type that takes the level below as a parameter, and one line for each level. A type that
// counts down by itself would be shorter, but tsc looks at its constraint, which is every depth at once.

import { MessageGraph, prefixBelow } from "./message-graph.ts";
import type { Profile } from "./message-graph.ts";
import type { FieldModel, MessageModel } from "./message-model.ts";

/** For one message that contains itself. */
const MAX_RECURSIVE = 2_000;
/** For any message. tsc refuses unions of 100,000 members, and is slow long before. */
const MAX_MEMBERS = 20_000;

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
  readonly #graphs = { read: new MessageGraph("read"), update: new MessageGraph("update") };
  readonly #profiles = new Map<MessageModel, Profile>();
  readonly #levels = new Map<ReadonlySet<MessageModel>, ReadonlyMap<MessageModel, number>[]>();
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
    return `${message.localName}${this.#effective(message, profile) === "update" ? "PathInUpdate" : "Path"}`;
  }

  /** The name of the widest type that is written for a message. */
  widestNameOf(message: MessageModel): string {
    const read = this.nameOf(message, "read");
    return this.#needed.has(read) ? read : this.nameOf(message, "update");
  }

  #need(message: MessageModel, profile: Profile): void {
    const name = this.nameOf(message, profile);
    if (this.#needed.has(name)) return;
    this.#needed.set(name, { message, profile: this.#effective(message, profile) });
    for (const inside of this.#graphs[profile].inside(message)) this.#need(inside, profile);
  }

  /** Update masks differ where a list of messages is, at any depth. */
  #effective(message: MessageModel, profile: Profile): Profile {
    if (profile === "read") return "read";
    let found = this.#profiles.get(message);
    if (found === undefined) {
      const differs = [message, ...this.#graphs.read.below(message)].some(({ fields }) =>
        fields.some((field) => field.kind === "list" && field.message !== undefined),
      );
      found = differs ? "update" : "read";
      this.#profiles.set(message, found);
    }
    return found;
  }

  #typesOf({ message, profile }: Need): PathType[] {
    const name = this.nameOf(message, profile);
    const graph = this.#graphs[profile];
    const cycle = graph.cycle(message);
    const common = { message, depth: undefined, parameters: "", exported: true };
    const members = message.fields.flatMap((field) => this.#membersOf(field, cycle, profile));
    if (cycle.size === 0) return [{ ...common, name, members }];

    const depth = this.#depthOf(cycle, graph, this.#depthLimit);
    const back = [...new Set(graph.inside(message).filter((inside) => cycle.has(inside)))];
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
      const counts = { read: new Map<string, number>(), update: new Map<string, number>() };
      const fits = needs.every(({ message, profile }) => {
        const graph = this.#graphs[profile];
        const depth = this.#depthOf(graph.cycle(message), graph, limit);
        return this.#countMembers(message, graph, depth, limit, counts[profile]) <= MAX_MEMBERS;
      });
      if (fits) return limit;
    }
    return 1;
  }

  /** How many paths a message has in all, if its cycle goes on for so many levels. */
  #countMembers(
    message: MessageModel,
    graph: MessageGraph,
    levels: number,
    limit: number,
    counts: Map<string, number>,
  ): number {
    const key = `${message.localName} ${levels}`;
    const known = counts.get(key);
    if (known !== undefined) return known;
    const cycle = graph.cycle(message);
    let sum = message.fields.length;
    for (const inside of graph.inside(message)) {
      const left = cycle.has(inside) ? levels - 1 : this.#depthOf(graph.cycle(inside), graph, limit);
      if (left > 0) sum += this.#countMembers(inside, graph, left, limit, counts);
    }
    counts.set(key, sum);
    return sum;
  }

  /** The depth of all messages of one cycle: they refer to each other's levels. */
  #depthOf(cycle: ReadonlySet<MessageModel>, graph: MessageGraph, limit: number): number {
    for (let depth = limit; depth > 1; depth--) {
      const counts = this.#countLevels(cycle, graph, depth);
      if ([...counts.values()].every((count) => count <= MAX_RECURSIVE)) return depth;
    }
    return 1;
  }

  /** How many paths of each message stay within its cycle. */
  #countLevels(
    cycle: ReadonlySet<MessageModel>,
    graph: MessageGraph,
    depth: number,
  ): ReadonlyMap<MessageModel, number> {
    const levels = this.#levels.get(cycle) ?? [new Map([...cycle].map((member) => [member, 0]))];
    this.#levels.set(cycle, levels);
    for (let below = levels.at(-1); below !== undefined && levels.length <= depth; below = levels.at(-1)) {
      const last = below;
      const count = (member: MessageModel): number =>
        graph.inside(member).reduce((sum, other) => sum + (last.get(other) ?? 0), member.fields.length);
      levels.push(new Map([...cycle].map((member) => [member, count(member)])));
    }
    return levels[depth] ?? new Map();
  }
}

function parameterOf(message: MessageModel): string {
  return `${message.localName}Below`;
}
