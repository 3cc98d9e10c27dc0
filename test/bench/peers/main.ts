// `npm run bench -- peers`: Fieldpost beside the bare chain and BullMQ, and its batches and streams beside bare inserts and
// the chain's calls; all of it in turn in each round.
import { cpus } from "node:os";
import type { Options } from "../options.ts";
import { measureFsyncMs } from "../fsync-delay.ts";
import { measureBareInserts } from "./bare-inserts.ts";
import { measureBesideBatches } from "./beside-batches.ts";
import { lackingBullmq } from "./bullmq-api.ts";
import { lackingRedis } from "./redis.ts";
import { formatPeers, ratiosOf, type PeersResult } from "./report.ts";
import { subjects, type SubjectKey } from "./subjects.ts";

const notOffered = "status 12:";

/** Prints all of it. What cannot be measured here is left out, by name. */
export async function benchPeers(options: Options): Promise<void> {
  const fsyncMs = await measureFsyncMs(0);
  const result: PeersResult = { rounds: {}, bareInserts: [], besideBatches: [], skipped: [] };
  const lacking = lackingRedis() ?? lackingBullmq();
  const left = new Set(Object.keys(subjects) as SubjectKey[]);
  if (lacking !== undefined) {
    for (const key of left) if (subjects[key].label.startsWith("BullMQ")) left.delete(key);
    result.skipped.push(`BullMQ: ${lacking}`);
  }
  for (let round = 1; round <= options.rounds; round += 1) {
    const say = (what: string): void =>
      void process.stderr.write(`round ${round} of ${options.rounds}: ${what}\n`);
    for (const key of left) {
      say(subjects[key].label);
      await measure(key);
    }
    say("bare inserts");
    result.bareInserts.push(await measureBareInserts(options));
    say("Enqueue beside batches");
    result.besideBatches.push(await measureBesideBatches(options));
  }
  print(result);

  async function measure(key: SubjectKey): Promise<void> {
    try {
      (result.rounds[key] ??= []).push(await subjects[key].measure(options));
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(notOffered))) throw error;
      left.delete(key);
      delete result.rounds[key];
      result.skipped.push(`${subjects[key].label}: ${error.message}`);
    }
  }

  function print(result: PeersResult): void {
    if (options.json) {
      const machine = { node: process.version, cpus: cpus().length, fsyncMs };
      const report = { ...machine, options, ...result, ratios: ratiosOf(result) };
      process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    } else {
      process.stdout.write(
        `Node ${process.version}, ${cpus().length} CPUs; rounds: ${options.rounds}, of ${options.jobs} jobs after ` +
          `${options.warmup}, more in batches; ${options.concurrency} calls in flight\n` +
          `one fdatasync of 4 KiB on an idle file: ${fsyncMs.toFixed(2)} ms\n` +
          `median (least–greatest) over the rounds\n\n${formatPeers(result)}\n`,
      );
    }
    const lost = Object.values(result.rounds)
      .flat()
      .some((of) => of.lost > 0);
    if (lost) throw new Error("jobs were lost");
  }
}
