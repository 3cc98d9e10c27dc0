/**
 * What a disk holds after a power cut, rebuilt from a log: all that an fsync covered that ended before the cut, and of
 * the rest whatever chance lets survive. How much chance may do is a {@link Survival}.
 */
import type { DiskRecord } from "./disk-log.ts";

/**
 * Of the changes since the last fsync
 * - `nothing`, or `everything`, as after kill -9;
 * - `in order`: those before some moment, for all files together, the last write torn;
 * - `pages`: of each page of 4 KiB those before some moment of its own, as a page cache writes back;
 * - `sectors`: the same for each sector of 512 bytes: a disk that reorders, and tears pages.
 *
 * With the last two a file's size and each name are as of moments of their own, too. Where a file grew and its data did
 * not arrive, there is `garbage`, or zeros.
 */
export type Survival =
  | { readonly kind: "nothing" | "everything" | "in order" }
  | { readonly kind: "pages" | "sectors"; readonly garbage: boolean };

/** From 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

interface Write {
  /** Its place in the log. */
  readonly index: number;
  readonly offset: number;
  readonly data: Buffer;
}

/** Without data: the file is cut off at offset. */
type Change = Write | (Omit<Write, "data"> & { readonly data: undefined });

interface File {
  /** What an fsync covered. */
  synced: Buffer;
  size: number;
  /** Since then, oldest first. */
  pending: Change[];
  /**
   * Writes whose fsync failed: the kernel holds their pages for clean, and no later fsync writes them. Each part may have
   * reached the disk or not, until another write covers it.
   */
  lost: Write[];
}

interface NameChange {
  readonly index: number;
  readonly apply: (names: Map<string, File>) => void;
  /** Moments are chosen for a name; a rename has one for both. */
  readonly name: string;
}

const sectorBytes = 512;
const pageBytes = 4096;

export class PowerCutDisk {
  readonly #files = new Map<bigint, File>();
  /** As the program sees them. */
  readonly #names = new Map<string, File>();
  readonly #syncedNames = new Map<string, File>();
  #pendingNames: NameChange[] = [];
  readonly #syncs = new Map<string, number>();
  #index = 0;

  /** The records of the log, one after the other. */
  apply(record: DiskRecord): void {
    const index = this.#index++;
    switch (record.kind) {
      case "create": {
        const file: File = { synced: Buffer.alloc(0), size: 0, pending: [], lost: [] };
        this.#files.set(record.inode, file);
        this.#rename(index, record.name, (names) => void names.set(record.name, file));
        break;
      }
      case "write":
        this.#file(record.inode).pending.push({ index, offset: record.offset, data: record.data });
        break;
      case "truncate":
        this.#file(record.inode).pending.push({ index, offset: record.size, data: undefined });
        break;
      case "unlink":
        this.#rename(index, record.name, (names) => void names.delete(record.name));
        break;
      case "rename": {
        const file = this.#names.get(record.from);
        if (file === undefined) throw new Error(`the log does not know ${record.from}, which was renamed`);
        this.#rename(index, `${record.from} ${record.to}`, (names) => {
          names.delete(record.from);
          names.set(record.to, file);
        });
        break;
      }
      case "sync-begin":
        this.#syncs.set(`${record.pid} ${record.call}`, index);
        break;
      case "sync-end": {
        const begin = this.#syncs.get(`${record.pid} ${record.call}`)!;
        if (record.result !== "told") this.#sync(record.inode, begin, record.result === "done");
        break;
      }
      case "observation":
        break;
      default:
        record satisfies never;
    }
  }

  /** Names and contents as the program sees them. */
  current(): Map<string, Buffer> {
    return this.cut({ kind: "everything" }, Math.random);
  }

  /** Names and contents after a cut at this moment. */
  cut(survival: Survival, random: Random): Map<string, Buffer> {
    const moment = this.#moments(survival, random);
    const names = new Map(this.#syncedNames);
    for (const { index, name, apply } of this.#pendingNames) if (index < moment(name)) apply(names);
    const garbage = "garbage" in survival && survival.garbage ? randomBytes(random) : undefined;
    const blockBytes = survival.kind === "pages" ? pageBytes : sectorBytes;
    return new Map(
      [...names].map(([name, file], number) => {
        const until = (what: number | "size"): number => moment(`${number} ${what}`);
        return [name, contentOf(file, { blockBytes, until, garbage, random })];
      }),
    );
  }

  /** Until when the changes of a name, a file's size or a block have survived. */
  #moments(survival: Survival, random: Random): (what: string) => number {
    if (survival.kind === "nothing") return () => 0;
    if (survival.kind === "everything") return () => this.#index;
    const first = Math.min(
      this.#index,
      ...[...this.#files.values()].map(({ pending }) => pending[0]?.index ?? this.#index),
      this.#pendingNames[0]?.index ?? this.#index,
    );
    const between = (): number => Math.floor(first + random() * (this.#index + 1 - first));
    if (survival.kind === "in order") {
      const moment = between();
      // The write that was under way is torn: some of its sectors are there.
      return (what) => (/ \d+$/.test(what) && random() < 0.5 ? moment + 1 : moment);
    }
    const moments = new Map<string, number>();
    return (what) => {
      let moment = moments.get(what);
      if (moment === undefined) {
        // All or nothing are likelier than what lies between.
        const chance = random();
        moment = chance < 0.3 ? 0 : chance < 0.6 ? this.#index : between();
        moments.set(what, moment);
      }
      return moment;
    };
  }

  #file(inode: bigint): File {
    const file = this.#files.get(inode);
    if (file === undefined) throw new Error(`the log does not know the file with inode ${inode}`);
    return file;
  }

  #rename(index: number, name: string, apply: NameChange["apply"]): void {
    apply(this.#names);
    this.#pendingNames.push({ index, name, apply });
  }

  #sync(inode: bigint, begin: number, done: boolean): void {
    const file = this.#files.get(inode);
    if (file === undefined) {
      // No file that was made: the folder.
      if (!done) return;
      const covered = this.#pendingNames.filter(({ index }) => index < begin);
      for (const { apply } of covered) apply(this.#syncedNames);
      this.#pendingNames = this.#pendingNames.filter(({ index }) => index >= begin);
      return;
    }
    const covered = file.pending.filter(({ index }) => index < begin);
    file.pending = file.pending.filter(({ index }) => index >= begin);
    if (!done) {
      file.lost.push(...covered.filter((change) => change.data !== undefined));
      return;
    }
    for (const change of covered) {
      file.lost = file.lost.flatMap((lost) => without(lost, change));
      ({ synced: file.synced, size: file.size } = written(file.synced, file.size, change));
    }
  }
}

/** What is left of a lost write when another one, which is on disk, covers a part of it. */
function without(lost: Write, { offset, data }: Change): Write[] {
  const end = data === undefined ? Number.POSITIVE_INFINITY : offset + data.length;
  const lostEnd = lost.offset + lost.data.length;
  if (end <= lost.offset || offset >= lostEnd) return [lost];
  const parts: Write[] = [];
  if (offset > lost.offset) parts.push({ ...lost, data: lost.data.subarray(0, offset - lost.offset) });
  if (end < lostEnd) parts.push({ ...lost, offset: end, data: lost.data.subarray(end - lost.offset) });
  return parts;
}

/** The buffer has room to grow; beyond size it is zero. */
function written(buffer: Buffer, size: number, { offset, data }: Change): { synced: Buffer; size: number } {
  const end = data === undefined ? offset : offset + data.length;
  let target = buffer;
  if (end > buffer.length) {
    target = Buffer.alloc(Math.max(end, 2 * buffer.length));
    buffer.copy(target);
  }
  if (data === undefined) target.fill(0, offset, Math.max(offset, size));
  else data.copy(target, offset);
  return { synced: target, size: data === undefined ? offset : Math.max(size, end) };
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 4099 }, () => Math.floor(random() * 256)));
}

interface ContentOptions {
  readonly blockBytes: number;
  readonly until: (block: number | "size") => number;
  /** What lies where data did not arrive; undefined: zeros. */
  readonly garbage: Buffer | undefined;
  readonly random: Random;
}

function contentOf(file: File, { blockBytes, until, garbage, random }: ContentOptions): Buffer {
  const moment = until("size");
  let { size } = file;
  let room = size;
  for (const { index, offset, data } of file.pending) {
    const end = data === undefined ? offset : offset + data.length;
    room = Math.max(room, end);
    if (index < moment) size = data === undefined ? offset : Math.max(size, end);
  }
  const content = Buffer.alloc(room);
  file.synced.copy(content, 0, 0, file.size);
  if (garbage !== undefined && room > file.size) content.fill(garbage, file.size);
  for (const lost of file.lost) overlay(content, lost, sectorBytes, () => random() < 0.5);
  for (const change of file.pending) {
    overlay(content, change, blockBytes, (block) => change.index < until(block));
  }
  return content.subarray(0, size);
}

/** Writes the parts of a change whose blocks have it. */
function overlay(
  content: Buffer,
  { offset, data }: Change,
  blockBytes: number,
  has: (block: number) => boolean,
): void {
  const end = data === undefined ? content.length : offset + data.length;
  for (let at = offset; at < end;) {
    const block = Math.floor(at / blockBytes);
    const next = Math.min(end, (block + 1) * blockBytes);
    if (has(block)) {
      if (data === undefined) content.fill(0, at, next);
      else data.copy(content, at, at - offset, next - offset);
    }
    at = next;
  }
}
