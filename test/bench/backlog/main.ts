// `npm run bench -- backlog`: what changes with the number of jobs that wait in the store.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { measureFsyncMs } from "../fsync-delay.ts";
import type { Options } from "../options.ts";
import { fill } from "./fill.ts";
import { measureBacklog, perSecond } from "./measure.ts";
import { figures, formatBacklog, ratiosTo, type BacklogResult } from "./report.ts";

/** Each store is filled once; in each round each one is served anew, in turn. Prints all of it. */
export async function benchBacklog({ backlog, rounds, seconds, json }: Options): Promise<void> {
  const fsyncMs = await measureFsyncMs(0);
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  const results: BacklogResult[] = [];
  for (const jobs of backlog.toSorted((a, b) => a - b)) {
    process.stderr.write(`filling a store with ${jobs} jobs\n`);
    const of = join(folder, String(jobs));
    mkdirSync(of);
    results.push({ filled: await fill(of, jobs), rounds: [] });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const { filled, rounds: measured } of results) {
      process.stderr.write(`round ${round} of ${rounds}: ${filled.jobs} jobs that wait\n`);
      measured.push(await measureBacklog(filled.folder, seconds));
    }
  }
  const machine = { node: process.version, cpus: cpus().length, fsyncMs };
  if (json) {
    const [base] = results;
    const stores = results.map((result) => ({
      backlog: result.filled.jobs,
      filledPerSecond: result.filled.jobsPerSecond,
      storeMiB: result.filled.storeMiB,
      rounds: result.rounds,
      ratios: Object.fromEntries(figures.map((figure) => [figure[0], ratiosTo(base!, result, figure)])),
    }));
    process.stdout.write(`${JSON.stringify({ ...machine, rounds, seconds, stores }, undefined, 2)}\n`);
  } else {
    process.stdout.write(
      `Node ${machine.node}, ${machine.cpus} CPUs, 2 workers; rounds: ${rounds}, of ${seconds} s; ${perSecond} calls of ` +
        `Enqueue a second, and as many jobs that come due\n` +
        `one fdatasync of 4 KiB on an idle file: ${fsyncMs.toFixed(2)} ms\n` +
        `median (least–greatest) over the rounds\n\n${formatBacklog(results)}\n`,
    );
  }
}
