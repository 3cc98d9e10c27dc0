// Which messages paths lead into from which, and which contain themselves. Remembers everything it finds: the path types
// ask again and again, and a large API has hundreds of messages that contain each other.

import type { FieldModel, MessageModel } from "./message-model.ts";

export type Profile = "read" | "update";

/** What stands before the paths of the message that a field holds; "map" if any text does. */
export function prefixBelow(field: FieldModel, profile: Profile): string | undefined {
  if (field.kind === "map" && field.mapKey !== "bool") return "map";
  if (field.message === undefined) return undefined;
  if (field.kind === "message") return field.name;
  // A list stands last in an update mask; entries of a map with bool keys have no path but `*`.
  return field.kind === "list" && profile === "update" ? undefined : `${field.name}.*`;
}

/** The messages as the paths of one profile see them. */
export class MessageGraph {
  readonly #profile: Profile;
  readonly #inside = new Map<MessageModel, readonly MessageModel[]>();
  readonly #below = new Map<MessageModel, ReadonlySet<MessageModel>>();
  readonly #cycles = new Map<MessageModel, ReadonlySet<MessageModel>>();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /** What the fields of a message hold, once for each such field. */
  inside(message: MessageModel): readonly MessageModel[] {
    let found = this.#inside.get(message);
    if (found === undefined) {
      found = message.fields.flatMap((field) => {
        const prefix = prefixBelow(field, this.#profile);
        return prefix === undefined || prefix === "map" || field.message === undefined ? [] : [field.message];
      });
      this.#inside.set(message, found);
    }
    return found;
  }

  /** All that can be reached from a message; itself only if it contains itself. */
  below(message: MessageModel): ReadonlySet<MessageModel> {
    let found = this.#below.get(message);
    if (found === undefined) {
      found = this.#reach(message);
      this.#below.set(message, found);
    }
    return found;
  }

  #reach(message: MessageModel): Set<MessageModel> {
    const found = new Set<MessageModel>();
    const queue = [message];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const inside of this.inside(next)) {
        if (found.has(inside)) continue;
        found.add(inside);
        queue.push(inside);
      }
    }
    return found;
  }

  /** All messages that contain each other and this one: the same set for each of them. Empty if it does not contain itself. */
  cycle(message: MessageModel): ReadonlySet<MessageModel> {
    let found = this.#cycles.get(message);
    if (found === undefined) {
      found = new Set([...this.below(message)].filter((other) => this.below(other).has(message)));
      for (const member of [message, ...found]) this.#cycles.set(member, found);
    }
    return found;
  }
}
