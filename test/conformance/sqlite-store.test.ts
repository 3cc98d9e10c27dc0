import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../server/src/store/sqlite/store.ts";
import { describeStore } from "./store-suite.ts";

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
  { persists: true },
);

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
