import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
