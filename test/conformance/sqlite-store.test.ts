import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { openSqliteStore } from "../../server/src/store/sqlite/store.ts";
import type { Store } from "../../server/src/store/store.ts";
import { describeStore } from "./store-suite.ts";
import type { OpenStore } from "./store-suite.ts";

describeStore(
  "the SQLite store",
  async ({ maxDepth }) => {
    const directory = await mkdtemp(join(tmpdir(), "fieldpost-store-"));
    const open = () => openSqliteStore({ path: join(directory, "fieldpost.db"), maxDepth });
    return {
      store: await open(),
      reopen: open,
      cleanup: () => rm(directory, { recursive: true, force: true }),
    };
  },
  { persists: true, openForModel: reuseStore() },
);

/**
 * Opens a file once and empties it for each who asks: to open one takes longer than most sequences of calls. It stands in
 * memory where there is a file system for that, as what is asked here has nothing to do with disks.
 */
function reuseStore(): OpenStore {
  let opened: { readonly store: Store; readonly path: string } | undefined;
  let directory: string | undefined;
  afterAll(async () => {
    await opened?.store.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });
  return async ({ maxDepth }) => {
    directory ??= await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "fieldpost-store-"));
    const path = join(directory, "fieldpost.db");
    if (opened === undefined) opened = { store: await openSqliteStore({ path, maxDepth }), path };
    else empty(path);
    const { store } = opened;
    const kept = new Proxy(store, {
      get: (_, name: keyof Store) =>
        name === "close" ? () => Promise.resolve() : (store[name] as (...args: never) => unknown).bind(store),
    });
    return { store: kept, reopen: () => Promise.reject(new Error("one at a time")), cleanup: async () => {} };
  };
}

function empty(path: string): void {
  const database = new DatabaseSync(path, { timeout: 5000 });
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('counter', 'sqlite_sequence')",
    )
    .all();
  const deletes = tables.map(({ name }) => `DELETE FROM ${String(name)};`).join("\n");
  const counters = "revision = 0, depth = 0, ended = 0, swept_time = 0, swept_key = 0";
  database.exec(`BEGIN IMMEDIATE;\n${deletes}\nUPDATE counter SET ${counters};\nCOMMIT`);
  database.close();
}

describe("a new SQLite file", () => {
  test("is made by whoever comes first, when several open it at once", async () => {
    const directory = await mkdtemp(join(tmpdir(), "fieldpost-store-"));
    try {
      for (let round = 0; round < 25; round++) {
        const path = join(directory, `${round}.db`);
        const stores = await Promise.all(
          Array.from({ length: 4 }, () => openSqliteStore({ path, maxDepth: 10 })),
        );
        expect(await Promise.all(stores.map((store) => store.depth()))).toEqual([0, 0, 0, 0]);
        await Promise.all(stores.map((store) => store.close()));
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
