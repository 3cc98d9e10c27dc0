// The yardstick of batches: how many rows SQLite takes with nothing else to do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BareInsertsOptions, BareInsertsResult, BareInsertsRun } from "../chain/bare-inserts.ts";
import { startChild } from "../child.ts";
import type { Options } from "../options.ts";
import { perSecond } from "../stats.ts";

const size = 10_000;

/** Rows a second, 10,000 in a transaction. */
export async function measureBareInserts({ jobs, warmup }: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  try {
    const script = new URL("../chain/bare-inserts.ts", import.meta.url);
    const store: BareInsertsOptions = { store: join(folder, "store.db") };
    const { child } = await startChild(script, store);
    const insert = (count: number): Promise<BareInsertsResult> =>
      child.ask<BareInsertsResult>({ count, size } satisfies BareInsertsRun);
    await insert(warmup);
    const count = size * Math.ceil((5 * jobs) / size);
    const { firstNs, lastNs } = await insert(count);
    await child.end();
    return perSecond(count, firstNs, lastNs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
