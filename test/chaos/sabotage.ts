/**
 * Preloaded into a relay under test (NODE_OPTIONS=--import), breaks one of its promises, so that a test can see that the
 * kill proof finds out. The sources stay as they are: Node hands the changed text to the process that loads it.
 */
import { registerHooks } from "node:module";

interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const sabotages = {
  /** The writer answers, and commits when it has had nothing to do for a second. */
  "acknowledges before the commit": [
    {
      file: "store/sqlite/writer.ts",
      from: "  begin(transaction);\n",
      to:
        "  if (!database.isTransaction) begin(transaction);\n" +
        '  clearTimeout(globalThis.later); globalThis.later = setTimeout(() => database.exec("COMMIT"), 1000);\n',
    },
    { file: "store/sqlite/writer.ts", from: "    transaction.commit.run();\n", to: "" },
  ],
  /** What a dead worker was sending is recorded as if it had never left. */
  "forgets that an outcome is unknown": [
    { file: "store/sqlite/writes/lease.ts", from: '"outcome-unknown"', to: '"not-sent"' },
  ],
  /** A claim whose request may have left is given back as if it had not. */
  "sends again what had begun": [
    {
      file: "store/sqlite/writes/lease.ts",
      from: 'policy !== "retry" && job["begun_attempt"] !== attempt',
      to: 'policy !== "retry"',
    },
  ],
  /** What may have arrived once, and may not arrive twice, is given up as any other. */
  "knows no HELD": [
    {
      file: "store/sqlite/writes/lease.ts",
      from: 'policy === "hold"',
      to: 'policy === "never"',
    },
  ],
  /** Nobody takes back what a dead worker had claimed. */
  "recovers nothing": [
    {
      file: "schedule/recoverer.ts",
      from: "{ now, lost, leasesEndedBy }",
      to: "{ now, lost: [], leasesEndedBy: 0 }",
    },
  ],
  /** Stores a job though one with its dedup_key has not ended. */
  "knows no dedup_key": [
    {
      file: "store/sqlite/writes/insert.ts",
      from: "  if (job.dedupKey === null) return undefined;\n",
      to: "  return undefined;\n",
    },
    { file: "store/sqlite/migrations.ts", from: "UNIQUE INDEX job_dedup", to: "INDEX job_dedup" },
  ],
  /** RetryJob is answered, and the job stays as it is. */
  "begins no new run": [
    {
      file: "api/retry-job.ts",
      from: "await relay.store.retry(id, now, revisionOf(request.etag))",
      to: '{ kind: "restarted" }',
    },
  ],
  /** DeleteJob is answered, and the job stays. */
  "deletes nothing": [
    {
      file: "api/delete-job.ts",
      from: "await relay.store.delete(id, relay.clock(), revisionOf(request.etag))",
      to: '{ kind: "deleted" }',
    },
  ],
} as const satisfies Record<string, readonly Change[]>;

export type Sabotage = keyof typeof sabotages;

const variable = "RELAY_SABOTAGE";

/** The environment of a relay that is to be broken. */
export function sabotageEnvironment(sabotage: Sabotage): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${import.meta.url}`, [variable]: sabotage };
}

const chosen = process.env[variable];
if (chosen !== undefined) {
  const changes: readonly Change[] = sabotages[chosen as Sabotage];
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const ours = changes.filter(({ file }) => url.endsWith(`server/src/${file}`));
      if (ours.length === 0) return loaded;
      let source = Buffer.from(loaded.source as Uint8Array).toString();
      for (const { file, from, to } of ours) {
        if (source.split(from).length !== 2) throw new Error(`${file} does not hold ${from} exactly once`);
        source = source.replace(from, to);
      }
      return { ...loaded, source };
    },
  });
}
