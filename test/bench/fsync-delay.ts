// `--fsync-delay`: the subjects run on a disk whose every fsync and fdatasync takes so much longer, and what one takes is
// measured in each run: on a disk that does not wait at all (tmpfs), no figure is worth anything.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskEnvironment } from "../support/disk/disk.ts";
import { startChild } from "./child.ts";
import type { FsyncProbe, FsyncProbeReady } from "./fsync-probe.ts";

/** For processes whose store is at `store`; empty without a delay. Throws where the library cannot be compiled. */
export function fsyncDelayEnv(store: string, fsyncDelayMs: number): NodeJS.ProcessEnv {
  if (fsyncDelayMs === 0) return {};
  const disk = diskEnvironment({ path: store, fsyncDelayMs });
  if ("missing" in disk) {
    throw new Error(
      `--fsync-delay needs a library that is compiled when it is used, and here it cannot be: ${disk.missing}`,
    );
  }
  return disk.env;
}

/**
 * What one fdatasync after a write of 4 KiB takes on the disk of the stores, as the subjects have it, in ms; the median
 * of twenty. Throws when that is less than the delay, which then does not work.
 */
export async function measureFsyncMs(fsyncDelayMs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  try {
    const path = join(folder, "probe");
    const options: FsyncProbe = { path, count: 20 };
    const script = new URL("fsync-probe.ts", import.meta.url);
    const { child, ready } = await startChild<FsyncProbeReady>(
      script,
      options,
      fsyncDelayEnv(path, fsyncDelayMs),
    );
    await child.end();
    if (ready.medianMs < fsyncDelayMs) {
      throw new Error(
        `--fsync-delay ${fsyncDelayMs}ms has no effect here: an fsync takes ${ready.medianMs} ms with it`,
      );
    }
    return ready.medianMs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
