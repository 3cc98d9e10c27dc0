import type { ClaimedJob } from "../job/job.ts";

/** What is claimed and waits for its turn, in the order in which it came, and how much of it there is. */
export class ClaimedQueue {
  #jobs: ClaimedJob[] = [];
  #bodyBytes = 0;

  get length(): number {
    return this.#jobs.length;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  push(job: ClaimedJob): void {
    this.#jobs.push(job);
    this.#bodyBytes += job.request.body.length;
  }

  /** Takes the first one out. */
  shift(): ClaimedJob | undefined {
    const job = this.#jobs.shift();
    this.#bodyBytes -= job?.request.body.length ?? 0;
    return job;
  }

  /** Takes out those that are meant. */
  take(isMeant: (job: ClaimedJob) => boolean): readonly ClaimedJob[] {
    const taken = this.#jobs.filter(isMeant);
    if (taken.length === 0) return taken;
    const isTaken = new Set(taken);
    this.#jobs = this.#jobs.filter((job) => !isTaken.has(job));
    for (const { request } of taken) this.#bodyBytes -= request.body.length;
    return taken;
  }
}
