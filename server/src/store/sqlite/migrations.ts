import type { DatabaseSync } from "node:sqlite";
import { applicationId } from "./connection.ts";

/**
 * Numbered from 1; a released one is never changed. Times are milliseconds since the epoch, states the index in
 * job/state.ts's jobStates.
 */
const migrations: readonly string[] = [
  `
  -- One row. revision: of the newest change. depth: how many jobs have not ended.
  CREATE TABLE counter (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    depth INTEGER NOT NULL
  ) STRICT;
  INSERT INTO counter VALUES (1, 0, 0);

  CREATE TABLE worker (
    -- AUTOINCREMENT: a number is never used again.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    lease_time INTEGER NOT NULL
  ) STRICT;

  -- What changes about a job, kept small: every change writes the whole row.
  CREATE TABLE job (
    -- The revision that made it, so keys grow in the order of the commits.
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    -- NULL: the same as id.
    uid TEXT,
    queue TEXT NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    -- When it may be claimed; kept while it runs.
    due_time INTEGER NOT NULL,
    expire_time INTEGER,
    schedule_time INTEGER,
    attempt_count INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    -- 0: waits. -1: held. Otherwise the number of the worker that runs it.
    worker INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    finish_time INTEGER,
    revision INTEGER NOT NULL
  ) STRICT;
  -- Serves claims (worker 0), recovery (worker n) and the question whether anything is due; holds open jobs only.
  CREATE INDEX job_open ON job (worker, priority, due_time) WHERE finish_time IS NULL;

  -- What does not change about a job. The body stands last: a read that stops before it does not touch its pages.
  CREATE TABLE spec (
    key INTEGER PRIMARY KEY,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    -- JSON: [name, value, name, value, ...]
    headers TEXT NOT NULL,
    -- JSON: [[name, value], ...]; NULL: none
    parameters TEXT,
    -- JSON: [initialBackoffMs, maxBackoffMs, multiplier, jitter]
    retry TEXT NOT NULL,
    attempt_timeout INTEGER NOT NULL,
    -- JSON: [[name, value], ...]; NULL: none
    labels TEXT,
    traceparent TEXT NOT NULL,
    tracestate TEXT NOT NULL,
    body BLOB
  ) STRICT;

  CREATE TABLE attempt (
    key INTEGER NOT NULL,
    number INTEGER NOT NULL,
    result TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    http_status INTEGER NOT NULL,
    worker TEXT NOT NULL,
    error_reason TEXT,
    error_message TEXT,
    response_truncated INTEGER,
    -- JSON as in spec; NULL: no response is kept with this attempt
    response_headers TEXT,
    response_body BLOB,
    PRIMARY KEY (key, number)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE job ADD COLUMN dedup_key TEXT;
  -- The index in rows.ts's ambiguityPolicies.
  ALTER TABLE job ADD COLUMN ambiguity INTEGER NOT NULL DEFAULT 0;
  -- With a policy other than RETRY: the last attempt that was about to connect.
  ALTER TABLE job ADD COLUMN begun_attempt INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE job ADD COLUMN run_count INTEGER NOT NULL DEFAULT 1;
  -- When this run began, NULL for the first, and how many attempts there were before it.
  ALTER TABLE job ADD COLUMN run_time INTEGER;
  ALTER TABLE job ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;
  -- How long it is kept after its end, milliseconds; NULL: as long as the relay keeps jobs.
  ALTER TABLE job ADD COLUMN retention INTEGER;
  -- Those that have ended, in the order of their ends.
  CREATE INDEX job_ended ON job (finish_time) WHERE finish_time IS NOT NULL;
  CREATE INDEX job_ended_own ON job (finish_time + retention) WHERE finish_time IS NOT NULL AND retention IS NOT NULL;
  -- ended: how many jobs have ended. swept_…: up to this end of this job, responses are gone.
  ALTER TABLE counter ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counter ADD COLUMN swept_time INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counter ADD COLUMN swept_key INTEGER NOT NULL DEFAULT 0;
  UPDATE counter SET ended = (SELECT count(*) FROM job WHERE finish_time IS NOT NULL);
  CREATE UNIQUE INDEX job_dedup ON job (queue, dedup_key) WHERE dedup_key IS NOT NULL AND finish_time IS NULL;

  -- 1: due_time was meant as a delay, so it jumps along when the clock does.
  ALTER TABLE job ADD COLUMN is_relative INTEGER NOT NULL DEFAULT 0;
  -- One row, the clocks as they were noted last: wall clock, time since the machine's start, and which start that was.
  CREATE TABLE time (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    wall INTEGER NOT NULL,
    uptime REAL NOT NULL,
    boot TEXT NOT NULL,
    -- The newest change then.
    revision INTEGER NOT NULL
  ) STRICT;

  -- JSON, see passage.ts; NULL: nothing is known
  ALTER TABLE attempt ADD COLUMN passage TEXT;

  -- The attempts of cancelled jobs whose end is not known yet.
  CREATE TABLE cancelled (
    key INTEGER PRIMARY KEY,
    worker INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    claim_time INTEGER NOT NULL
  ) STRICT;

  -- Targets that asked not to be called for a while (Retry-After). origin: scheme, host and port.
  CREATE TABLE destination (
    origin TEXT PRIMARY KEY,
    blocked_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Calls with a request_id (AIP-155), each with what it was answered. Outlives its job.
  CREATE TABLE request (
    -- The job's.
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    content_hash BLOB NOT NULL,
    job_id TEXT NOT NULL,
    uid TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    state INTEGER NOT NULL,
    -- When it may be forgotten; NULL while the job is there.
    forget_time INTEGER
  ) STRICT;
  CREATE INDEX request_forgettable ON request (forget_time) WHERE forget_time IS NOT NULL;

  -- Lists the jobs of one state by key, which is the last column of every index: FAILED, HELD, CANCELLED or EXPIRED,
  -- which are few. OR and not IN: so SQLite sees that state = 5 is among them.
  CREATE INDEX job_rare ON job (state) WHERE state = 5 OR state = 6 OR state = 7 OR state = 8;
  `,
  `
  -- Batches that come in pieces. The jobs of one have the worker -1 - number: nobody claims them before they are settled,
  -- and nobody sees them while the batch is not whole.
  CREATE TABLE stage (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Who brings it.
    worker INTEGER NOT NULL,
    -- 0: comes in. 1: whole. 2: given up, its jobs are to be taken away.
    state INTEGER NOT NULL,
    -- How many jobs it counts for in depth while it is not whole.
    reserved INTEGER NOT NULL
  ) STRICT;

  -- Jobs with a retention of their own have indexes of their own: the others are looked at in the order of their ends.
  DROP INDEX job_ended;
  CREATE INDEX job_ended ON job (finish_time) WHERE finish_time IS NOT NULL AND retention IS NULL;
  CREATE INDEX job_ended_own_time ON job (finish_time) WHERE finish_time IS NOT NULL AND retention IS NOT NULL;
  `,
  `
  -- By so much the wall clock jumped ahead while something was kept that ended before, and what it said after the last
  -- such jump.
  ALTER TABLE time ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE time ADD COLUMN ahead_since INTEGER NOT NULL DEFAULT 0;

  -- Of jobs whose retry policy has a max_age, run_time is never NULL: it jumps along when the clock does.
  UPDATE job SET run_time = coalesce(run_time, create_time)
    WHERE finish_time IS NULL AND key IN (SELECT key FROM spec WHERE json_array_length(retry) > 4);
  CREATE INDEX job_aging ON job (run_time) WHERE run_time IS NOT NULL AND finish_time IS NULL;
  `,
];

/**
 * Brings the file to the newest schema. Several processes may do so at once: the first one works, the others wait.
 *
 * @throws Error if the file was written by a newer release
 */
export function migrate(database: DatabaseSync): void {
  const pragma = (name: string): number => {
    const row = database.prepare(`PRAGMA ${name}`).get();
    return Number(Object.values(row ?? {})[0]);
  };
  if (pragma("user_version") === migrations.length && pragma("application_id") === applicationId) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = pragma("user_version");
    if (version > migrations.length) {
      throw new Error(
        `the store has schema version ${version}, this release knows up to ${migrations.length}: use the release that wrote it, or a newer one`,
      );
    }
    for (const sql of migrations.slice(version)) database.exec(sql);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
