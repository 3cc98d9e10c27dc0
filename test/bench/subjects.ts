// What each bench measures, and in which order.
import { openChain } from "./chain/run.ts";
import { openFieldpost } from "./fieldpost.ts";
import type { OpenSubject } from "./measure.ts";
import type { Options } from "./options.ts";
import type { SubjectResult } from "./report.ts";

export interface Bench {
  noop: boolean;
  chain: boolean;
  fieldpost: boolean;
}

export const benches: Record<string, Bench> = {
  /** Everything, with the ratios. */
  all: { noop: true, chain: true, fieldpost: true },
  /** A grpc-js call that does nothing. */
  noop: { noop: true, chain: false, fieldpost: false },
  /** The bare chain, the yardstick. */
  chain: { noop: true, chain: true, fieldpost: false },
  /** Fieldpost beside the chain. */
  fieldpost: { noop: false, chain: true, fieldpost: true },
};

export interface PlannedSubject {
  open: OpenSubject;
  processes: number;
  fsyncDelayMs: number;
  result: SubjectResult;
}

/** In the order in which a round measures them: each after what its ratios are to. */
export function planSubjects(
  bench: Bench,
  { workers, chainProcesses, fsyncDelaysMs }: Options,
): PlannedSubject[] {
  const plan = (kind: string, open: OpenSubject, processes: number, fsyncDelayMs: number): PlannedSubject => {
    const label = `${kind} ${processes}${fsyncDelayMs === 0 ? "" : ` +${fsyncDelayMs}ms`}`;
    return { open, processes, fsyncDelayMs, result: { label, rounds: [], ratiosTo: {} } };
  };
  const subjects: PlannedSubject[] = [];
  for (const fsyncDelayMs of fsyncDelaysMs.toSorted((a, b) => a - b)) {
    const chains = (chainProcesses === "same" ? workers : [chainProcesses]).map((count) =>
      plan("chain", openChain, count, fsyncDelayMs),
    );
    const fieldposts = workers.map((count) => plan("fieldpost", openFieldpost, count, fsyncDelayMs));
    if (bench.chain) {
      subjects.push(...chains);
      for (const [index, { result }] of fieldposts.entries()) {
        result.ratiosTo["the chain's"] = (chains[index] ?? chains[0]!).result;
      }
    }
    if (bench.fieldpost) subjects.push(...fieldposts);
  }
  for (const { fsyncDelayMs, result } of subjects) {
    const undelayed = subjects.find(({ result: { label } }) => label === result.label.replace(/ \+.*/, ""));
    if (fsyncDelayMs > 0 && undelayed !== undefined)
      result.ratiosTo["without the fsync delay"] = undelayed.result;
  }
  return subjects;
}
