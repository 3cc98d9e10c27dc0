// What `--profile DIR` leaves in DIR: a CPU profile of each thread, and a flame graph of each kind of thread, over all
// workers of a subject.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mergeProfiles, renderFlameGraph } from "./flame-graph.ts";
import type { SubjectProcess } from "./measure.ts";
import type { ThreadProfile } from "./profiler.ts";

const leastBusy = 0.01;
const sourceRoot = new URL("../../", import.meta.url).href;

/** Hands back the paths of the flame graphs. */
export function writeProfiles(
  into: string,
  subject: string,
  profiles: readonly ThreadProfile[],
  processes: readonly SubjectProcess[],
): string[] {
  mkdirSync(into, { recursive: true });
  const workers = processes.filter(({ isWorker }) => isWorker);
  const ofWorkers: ThreadProfile[] = [];
  for (const profile of profiles) {
    const worker = workers.find(({ pid }) => pid === profile.pid);
    if (worker === undefined) continue;
    ofWorkers.push(profile);
    const file = fileName(subject, worker.name, lastWord(profile.thread));
    writeFileSync(join(into, `${file}.cpuprofile`), JSON.stringify(profile.profile));
  }
  const written: string[] = [];
  for (const [thread, group] of Map.groupBy(ofWorkers, ({ thread }) => thread)) {
    const merged = mergeProfiles(
      group.map(({ profile }) => profile),
      sourceRoot,
    );
    // Nothing is to be seen of a thread that only waited.
    if (merged.root.micros < leastBusy * merged.totalMicros) continue;
    const file = join(into, `${fileName(subject, lastWord(thread))}.svg`);
    const title = `${subject}, ${group.length} × ${thread === "main" ? "main thread" : thread}`;
    writeFileSync(file, renderFlameGraph(merged, { title }));
    written.push(file);
  }
  return written;
}

/** `fieldpost 2 +5ms` is `fieldpost-2-5ms` in it. */
function fileName(...words: string[]): string {
  return words.join("-").replaceAll(/[ +]+/g, "-");
}

/** `the store's writer` is `writer` in the name of a file. */
function lastWord(text: string): string {
  return text.split(" ").at(-1)!;
}
