/** What the power cuts stand on: what a disk may hold, and that the record and the faults of disk.c are what they say. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diskEnvironment } from "../support/disk/disk.ts";
import { DiskLogReader } from "../support/disk/disk-log.ts";
import type { DiskEvent } from "../support/disk/disk-log.ts";
import { PowerCutDisk } from "../support/disk/power-cut.ts";
import { describeWithDisk } from "./recording.ts";

const file = 1n;
const folder = 2n;
const create: DiskEvent = { kind: "create", inode: file, name: "a" };
const write = (text: string, offset = 0): DiskEvent => ({
  kind: "write",
  inode: file,
  offset,
  data: Buffer.from(text),
});
const begin = (inode: bigint, call: number): DiskEvent => ({ kind: "sync-begin", inode, call });
const end = (inode: bigint, call: number, result: "done" | "lost" | "told" = "done"): DiskEvent => ({
  kind: "sync-end",
  inode,
  call,
  result,
});
const synced = (inode: bigint, call: number): DiskEvent[] => [begin(inode, call), end(inode, call)];

/** All contents of file `a` that a hundred cuts after these events leave. */
function contents(...events: DiskEvent[]): string[] {
  const disk = new PowerCutDisk();
  for (const event of events) disk.apply({ ...event, pid: 1 });
  const found = new Set<string>();
  for (const kind of ["sectors", "pages"] as const) {
    for (let cut = 0; cut < 50; cut++) {
      found.add(disk.cut({ kind, garbage: false }, Math.random).get("a")?.toString() ?? "no such file");
    }
  }
  return [...found].toSorted();
}

describe("after a power cut a file holds", () => {
  const made = [create, ...synced(folder, 0)];
  test("what an fsync covered, and of the rest what chance lets survive", () => {
    expect(contents(...made, write("old"), ...synced(file, 1))).toEqual(["old"]);
    expect(contents(...made, write("old"), ...synced(file, 1), write("new"))).toEqual(["new", "old"]);
    expect(contents(...made, write("old"), ...synced(file, 1), write("new"), ...synced(file, 2))).toEqual([
      "new",
    ]);
  });

  test("of a write during an fsync what chance lets survive", () => {
    const events = [...made, write("old"), ...synced(file, 1), begin(file, 2), write("new"), end(file, 2)];
    expect(contents(...events)).toEqual(["new", "old"]);
  });

  test("of a write that grew it zeros, where its size survived and its data did not", () => {
    expect(contents(...made, write("new"))).toEqual(["", "\0\0\0", "new"]);
  });

  test("what it held before a failed fsync, or what that should have written, whatever later fsyncs say", () => {
    const lost = [
      ...made,
      write("old"),
      ...synced(file, 1),
      write("new"),
      begin(file, 2),
      end(file, 2, "lost"),
    ];
    expect(contents(...lost)).toEqual(["new", "old"]);
    expect(contents(...lost, ...synced(file, 3))).toEqual(["new", "old"]);
    expect(contents(...lost, write("two"), ...synced(file, 3))).toEqual(["two"]);
  });

  test("nothing, if its name is not in the folder: only an fsync of the folder is sure to put it there", () => {
    expect(contents(create, write("old"), ...synced(file, 1))).toEqual(["no such file", "old"]);
    const unlink: DiskEvent = { kind: "unlink", name: "a" };
    expect(contents(...made, write("old"), ...synced(file, 1), unlink)).toEqual(["no such file", "old"]);
    expect(contents(...made, unlink, ...synced(folder, 1))).toEqual(["no such file"]);
  });
});

/** Opens a file twice, writes and fsyncs through both. */
const program = `
  const fs = require("node:fs");
  const path = process.argv[1];
  const one = fs.openSync(path, "w"), two = fs.openSync(path, "r+");
  const sync = (fd) => { try { fs.fsyncSync(fd); return "done"; } catch (error) { return error.code; } };
  const results = [];
  for (const [text, fd] of [["1", one], ["2", two], ["3", one], ["4", two]]) {
    fs.writeSync(fd, text, 0);
    results.push(sync(fd));
  }
  fs.ftruncateSync(one, 0);
  fs.renameSync(path, path + ".b");
  fs.unlinkSync(path + ".b");
  console.log(JSON.stringify(results));
`;

describeWithDisk("the recorded disk", () => {
  test("records all changes in their order, and fails the fsync that it is told to, once for each descriptor", () => {
    const work = mkdtempSync(join(tmpdir(), "fieldpost-disk-test-"));
    try {
      const log = join(work, "log");
      const failFsync = join(work, "fail");
      mkdirSync(failFsync);
      writeFileSync(join(failFsync, "file"), "");
      const disk = diskEnvironment({ path: join(work, "file"), log, failFsync });
      if ("missing" in disk) throw new Error(disk.missing);
      const { stdout, stderr } = spawnSync(process.execPath, ["-e", program, join(work, "file")], {
        env: { ...process.env, ...disk.env },
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      expect(JSON.parse(stdout)).toEqual(["EIO", "EIO", "done", "done"]);
      expect(existsSync(join(failFsync, "file"))).toBe(false);
      expect(readFileSync(join(failFsync, "file.failed"), "utf8")).toBe("x");
      using reader = new DiskLogReader(log);
      const events = [...reader].map((record) => {
        if (record.kind === "write") return `write ${record.data.toString()}`;
        return record.kind === "sync-end" ? record.result : record.kind;
      });
      const sync = (text: string, result: string): string[] => [`write ${text}`, "sync-begin", result];
      expect(events).toEqual([
        "create",
        ...sync("1", "lost"),
        ...sync("2", "told"),
        ...sync("3", "done"),
        ...sync("4", "done"),
        "truncate",
        "rename",
        "unlink",
      ]);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
});
