/** The log that disk.c writes: all changes of the watched files, by all processes, in one order. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** `inode` tells files apart: a number is used again for a new file after the one that had it is gone. */
export type DiskEvent =
  | { readonly kind: "create"; readonly inode: bigint; readonly name: string }
  | { readonly kind: "write"; readonly inode: bigint; readonly offset: number; readonly data: Buffer }
  | { readonly kind: "truncate"; readonly inode: bigint; readonly size: number }
  | { readonly kind: "sync-begin"; readonly inode: bigint; readonly call: number }
  | {
      readonly kind: "sync-end";
      readonly inode: bigint;
      readonly call: number;
      /** `lost`: it failed, and what it should have written is not tried again. `told`: it tells of an earlier failure. */
      readonly result: "done" | "lost" | "told";
    }
  | { readonly kind: "unlink"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  /** What a client of the program had seen by then; JSON. */
  | { readonly kind: "observation"; readonly text: string };

export type DiskRecord = DiskEvent & { readonly pid: number };

/** As in disk.c; the last one is only written here. */
const kinds = [
  "create",
  "write",
  "truncate",
  "sync-begin",
  "sync-end",
  "unlink",
  "rename",
  "observation",
] as const;
const headerBytes = 32;
const repeated = 1 << 16;

/** Reads what is there, and later what has come since. */
export class DiskLogReader implements Disposable {
  readonly #fd: number;
  #position = 0;

  /** The file is made if the program has not made it yet. */
  constructor(path: string) {
    this.#fd = openSync(path, "a+");
  }

  /** The next record; undefined if none is there yet. */
  next(): DiskRecord | undefined {
    const header = Buffer.allocUnsafe(headerBytes);
    if (readSync(this.#fd, header, 0, headerBytes, this.#position) < headerBytes) return undefined;
    const length = header.readUInt32LE(24);
    const data = Buffer.allocUnsafe(length);
    if (readSync(this.#fd, data, 0, length, this.#position + headerBytes) < length) return undefined;
    this.#position += headerBytes + length;
    return { ...toEvent(header, data), pid: header.readUInt32LE(4) };
  }

  /** All records from here on. */
  *[Symbol.iterator](): Generator<DiskRecord> {
    for (let record = this.next(); record !== undefined; record = this.next()) yield record;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function toEvent(header: Buffer, data: Buffer): DiskEvent {
  const kind = kinds[header.readUInt32LE(0) - 1];
  const inode = header.readBigUInt64LE(8);
  const offset = Number(header.readBigUInt64LE(16));
  const call = header.readUInt32LE(28);
  switch (kind) {
    case "create":
      return { kind, inode, name: data.toString() };
    case "write":
      return { kind, inode, offset, data };
    case "truncate":
      return { kind, inode, size: offset };
    case "sync-begin":
      return { kind, inode, call };
    case "sync-end":
      return { kind, inode, call, result: offset === 0 ? "done" : offset & repeated ? "told" : "lost" };
    case "unlink":
      return { kind, name: data.toString() };
    case "rename": {
      const [from = "", to = ""] = data.toString().split("\0");
      return { kind, from, to };
    }
    case "observation":
      return { kind, text: data.toString() };
    default:
      throw new Error(`the log has a record of kind ${header.readUInt32LE(0)}`);
  }
}

/** Puts into the log what has been seen by now: all that led to it stands before it. */
export class Observer implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, "a", 0o600);
  }

  observe(observation: unknown): void {
    const data = Buffer.from(JSON.stringify(observation));
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(kinds.indexOf("observation") + 1, 0);
    header.writeUInt32LE(process.pid, 4);
    header.writeUInt32LE(data.length, 24);
    // One write to a file that is open for appending is one piece of it, whoever else appends.
    writeSync(this.#fd, Buffer.concat([header, data]));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
