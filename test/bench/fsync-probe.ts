// A process that writes a page and syncs it, several times, and says what one sync took.
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { childOptions } from "./child.ts";
import { summarize } from "./stats.ts";

export interface FsyncProbe {
  path: string;
  count: number;
}
export interface FsyncProbeReady {
  medianMs: number;
}

const { path, count } = childOptions<FsyncProbe>();
const file = openSync(path, "w");
const page = Buffer.alloc(4096, 1);
const takenMs = Array.from({ length: count }, () => {
  writeSync(file, page);
  const beforeMs = performance.now();
  fdatasyncSync(file);
  return performance.now() - beforeMs;
});
process.send!({ medianMs: summarize(takenMs).median } satisfies FsyncProbeReady);
