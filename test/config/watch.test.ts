/** Real files, real renames and symlinks. Nothing sleeps: each test waits for what the watcher tells. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { readConfigText, type ConfigText } from "../../server/src/config/file.ts";
import { ConfigWatcher } from "../../server/src/config/watch.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fieldpost-test-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Watched {
  readonly told: readonly string[];
  /** What the watcher saw that it had not told yet. */
  readonly seen: readonly string[];
  readonly watcher: ConfigWatcher;
  /** Resolves when this was told, and rejects if anything else was. */
  tells(text: string): Promise<void>;
  sees(text: string): Promise<void>;
  /** Resolves when it has begun so often to wait for the file to stand still. */
  looks(times: number): Promise<void>;
}

/** Watches until the test ends, with times of its own for what must stand still. */
async function watch(path: string, settleMs: (text: string) => number = () => 20): Promise<Watched> {
  const told: string[] = [];
  const seen: string[] = [];
  let look = (): void => {};
  const words = (found: ConfigText): string => (found.kind === "text" ? found.text : found.kind);
  const watcher = new ConfigWatcher({
    path,
    text: await readConfigText(path),
    settleMs(found) {
      seen.push(words(found));
      look();
      return settleMs(words(found));
    },
    onChange(found) {
      told.push(words(found));
      look();
    },
  });
  watcher.start();
  onTestFinished(() => watcher.stop());
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (isTrue()) resolve();
      };
      look();
    });
  return {
    told,
    seen,
    watcher,
    async tells(text) {
      const before = told.length;
      await until(() => told.length > before);
      expect(told.slice(before)).toEqual([text]);
    },
    sees: (text) => until(() => seen.includes(text)),
    looks: (times) => until(() => seen.length >= times),
  };
}

/** A volume as the kubelet makes it: `mount/f.yaml → ..data/f.yaml`, `..data → ..1/`. */
function mountVolume(text: string): { path: string; swap: (text: string) => void } {
  const mount = join(dir, "mount");
  let version = 0;
  const write = (content: string): string => {
    const name = `..2026_${++version}`;
    mkdirSync(join(mount, name));
    writeFileSync(join(mount, name, "f.yaml"), content);
    return name;
  };
  mkdirSync(mount);
  let current = write(text);
  symlinkSync(current, join(mount, "..data"));
  symlinkSync("..data/f.yaml", join(mount, "f.yaml"));
  return {
    path: join(mount, "f.yaml"),
    swap(content) {
      const old = current;
      current = write(content);
      symlinkSync(current, join(mount, "..data_tmp"));
      renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
      rmSync(join(mount, old), { recursive: true });
    },
  };
}

describe("the watcher tells the new content", () => {
  it("when Kubernetes swaps ..data, each time", async () => {
    const { path, swap } = mountVolume("0");
    const watched = await watch(path);
    for (const text of ["1", "2", "3"]) {
      swap(text);
      await watched.tells(text);
    }
  });

  it("when one symlink of a longer chain is swapped, and the old target stays", async () => {
    for (const version of ["1", "2"]) {
      mkdirSync(join(dir, `release-${version}/etc`), { recursive: true });
      writeFileSync(join(dir, `release-${version}/etc/f.yaml`), version);
    }
    symlinkSync("release-1", join(dir, "current"));
    symlinkSync("current/etc", join(dir, "etc"));
    symlinkSync("etc/f.yaml", join(dir, "f.yaml"));
    const watched = await watch(join(dir, "f.yaml"));
    symlinkSync("release-2", join(dir, "next"));
    renameSync(join(dir, "next"), join(dir, "current"));
    await watched.tells("2");
    // The new target is watched, the old one is not.
    writeFileSync(join(dir, "release-1/etc/f.yaml"), "old");
    writeFileSync(join(dir, "release-2/etc/f.yaml"), "3");
    await watched.tells("3");
  });

  it("when an editor replaces the file by a rename, each time", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path);
    for (const text of ["1", "2", "3"]) {
      writeFileSync(`${path}.tmp`, text);
      renameSync(`${path}.tmp`, path);
      await watched.tells(text);
    }
  });

  it("when an editor moves the file away and writes a new one (vim with a backup)", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path, (text) => (text === "missing" ? 2000 : 20));
    renameSync(path, `${path}~`);
    await watched.sees("missing");
    writeFileSync(path, "1");
    await watched.tells("1");
    unlinkSync(`${path}~`);
  });

  it("when sed -i has changed it", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "workers: 1\n");
    const watched = await watch(path);
    const [code] = (await once(spawn("sed", ["-i", "s/1/2/", path]), "exit")) as [number];
    expect(code).toBe(0);
    await watched.tells("workers: 2\n");
  });

  it("when it is written in place, also if neither its size nor its time of writing changes", async () => {
    const path = join(dir, "f.yaml");
    const time = new Date(1_700_000_000_000);
    writeFileSync(path, "0");
    utimesSync(path, time, time);
    const watched = await watch(path);
    writeFileSync(path, "1");
    utimesSync(path, time, time);
    await watched.tells("1");
  });

  it("when the folder is replaced, or one above it", async () => {
    const path = join(dir, "a/b/f.yaml");
    const replace = (folder: string, inside: string, text: string): void => {
      mkdirSync(join(dir, "new", inside), { recursive: true });
      writeFileSync(join(dir, "new", inside, "f.yaml"), text);
      renameSync(join(dir, folder), join(dir, `old-${text}`));
      renameSync(join(dir, "new"), join(dir, folder));
    };
    mkdirSync(join(dir, "a/b"), { recursive: true });
    writeFileSync(path, "0");
    const watched = await watch(path, (text) => (text === "missing" ? 2000 : 20));
    replace("a/b", "", "1");
    await watched.tells("1");
    replace("a", "b", "2");
    await watched.tells("2");
  });

  it("when it changed between its reading and the start of the watch", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const text = await readConfigText(path);
    writeFileSync(path, "1");
    const told = Promise.withResolvers<ConfigText>();
    const watcher = new ConfigWatcher({ path, text, settleMs: () => 1, onChange: told.resolve });
    watcher.start();
    onTestFinished(() => watcher.stop());
    expect(await told.promise).toEqual({ kind: "text", text: "1" });
  });

  it("when it is gone for good, and when it is there again", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path);
    unlinkSync(path);
    await watched.tells("missing");
    writeFileSync(path, "0");
    await watched.tells("0");
  });

  it("when it becomes something that cannot be read", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path);
    unlinkSync(path);
    mkdirSync(path);
    await watched.tells("unusable");
  });
});

describe("with time in the test's hands", () => {
  beforeEach(() => {
    // The kernel goes on; only what is waited for here stands still.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
  });

  it("a file that is written in several pieces is told once, whole", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path, () => 100);
    truncateSync(path);
    await watched.sees("");
    for (const part of ["a", "ab", "abc"]) {
      appendFileSync(path, part.slice(-1));
      await watched.sees(part);
      // Almost enough, but never enough for one that is not whole.
      await vi.advanceTimersByTimeAsync(part === "abc" ? 0 : 99);
    }
    expect(watched.told).toEqual([]);
    const told = watched.tells("abc");
    await vi.advanceTimersByTimeAsync(100);
    await told;
  });

  it("what a file held only until it was settled is never told", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "good");
    const watched = await watch(path, (text) => (text === "half" ? 1000 : 100));
    writeFileSync(path, "half");
    await watched.sees("half");
    await vi.advanceTimersByTimeAsync(999);
    writeFileSync(path, "whole");
    await watched.sees("whole");
    const told = watched.tells("whole");
    await vi.advanceTimersByTimeAsync(100);
    await told;
    expect(watched.told).toEqual(["whole"]);
  });

  it("a file that is gone for a moment, and comes back as it was, is nothing new", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path, () => 100);
    renameSync(path, `${path}~`);
    await watched.sees("missing");
    renameSync(`${path}~`, path);
    // The next change is told, and nothing before it.
    writeFileSync(path, "1");
    await watched.sees("1");
    const told = watched.tells("1");
    await vi.advanceTimersByTimeAsync(100);
    await told;
    expect(watched.told).toEqual(["1"]);
  });

  it("a file that is still being written is not told, also if what it holds is the same", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path, () => 100);
    writeFileSync(path, "1");
    for (let looks = 1; looks <= 3; looks++) {
      await watched.looks(looks);
      await vi.advanceTimersByTimeAsync(99);
      utimesSync(path, new Date(looks), new Date(looks));
    }
    await watched.looks(4);
    expect(watched.told).toEqual([]);
  });

  it("what was read at once is not told again when it has settled", async () => {
    const path = join(dir, "f.yaml");
    writeFileSync(path, "0");
    const watched = await watch(path, () => 100);
    writeFileSync(path, "1");
    await watched.sees("1");
    expect(await watched.watcher.readNow()).toEqual({ kind: "text", text: "1" });
    await vi.advanceTimersByTimeAsync(1000);
    writeFileSync(path, "2");
    await watched.sees("2");
    const told = watched.tells("2");
    await vi.advanceTimersByTimeAsync(100);
    await told;
    expect(watched.told).toEqual(["2"]);
  });
});

it("touching the file, or writing what it holds already, is nothing new", async () => {
  const path = join(dir, "f.yaml");
  writeFileSync(path, "0");
  const watched = await watch(path);
  utimesSync(path, new Date(), new Date());
  writeFileSync(path, "0");
  writeFileSync(`${path}.tmp`, "0");
  renameSync(`${path}.tmp`, path);
  writeFileSync(path, "1");
  await watched.tells("1");
  expect(watched.told).toEqual(["1"]);
});

it("many changes one after the other end with the last one", async () => {
  const path = join(dir, "f.yaml");
  writeFileSync(path, "0");
  const watched = await watch(path, () => 1);
  for (let version = 1; version <= 200; version++) {
    writeFileSync(`${path}.tmp`, String(version));
    renameSync(`${path}.tmp`, path);
    if (version % 20 === 0) await watched.watcher.readNow();
  }
  expect(await watched.watcher.readNow()).toEqual({ kind: "text", text: "200" });
  writeFileSync(path, "end");
  await watched.tells("end");
});

it("does not keep the process alive", async () => {
  const path = join(dir, "f.yaml");
  writeFileSync(path, "0");
  const module = new URL("../../server/src/config/watch.ts", import.meta.url).href;
  const program = `
    import { ConfigWatcher } from ${JSON.stringify(module)};
    const text = { kind: "text", text: "0" };
    new ConfigWatcher({ path: ${JSON.stringify(path)}, text, settleMs: () => 1, onChange() {} }).start();
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: "inherit",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  expect(await once(child, "exit")).toEqual([0, null]);
});
