/** The SQL of every change. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isVisible, stateNumber } from "../rows.ts";

/** All columns of `job`. */
const jobColumns = `key, id, uid, queue, state, priority, due_time, expire_time, schedule_time, attempt_count,
  max_attempts, worker, create_time, update_time, finish_time, revision, dedup_key, ambiguity, run_count, retention`;

/** Of jobs with a retention of their own and of the others, each in the order of their ends. */
const bothEnded = (condition: string, columns: string): string => `SELECT ${columns} FROM (
  SELECT * FROM (SELECT ${columns} FROM job WHERE finish_time IS NOT NULL AND retention IS NULL
    ${condition} ORDER BY finish_time, key LIMIT $limit + 0)
  UNION ALL SELECT * FROM (SELECT ${columns} FROM job WHERE finish_time IS NOT NULL AND retention IS NOT NULL
    ${condition} ORDER BY finish_time, key LIMIT $limit + 0)) ORDER BY finish_time, key LIMIT $limit + 0`;

/** Of those that wait: all but the ones that are scheduled for a time of day which is still to come. */
const shiftDue = (how: string): string => `UPDATE job ${how} SET due_time = due_time + $jump,
  schedule_time = iif(state = $scheduled AND is_relative = 1, schedule_time + $jump, schedule_time)
  WHERE (worker = 0 OR worker < -1) AND finish_time IS NULL
  AND ((due_time > $dueAfter AND $jump > 0 AND (state <> $scheduled OR is_relative = 1))
    OR ($jump < 0 AND (due_time <= $dueBefore OR state <> $scheduled OR is_relative = 1)))
  AND NOT (revision > $revision AND update_time BETWEEN $from AND $to)`;

/** Prepared once a connection: preparing costs more than running. */
export function prepareWrites(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    readCounter: sql("SELECT revision, depth, ended FROM counter WHERE one = 1"),
    writeCounter: sql("UPDATE counter SET revision = ?, depth = ?, ended = ? WHERE one = 1"),

    register: sql("INSERT INTO worker (name, lease_time) VALUES (?, ?)"),
    renew: sql("UPDATE worker SET lease_time = ? WHERE number = ? AND lease_time > 0"),
    isRegistered: sql("SELECT 1 FROM worker WHERE number = ? AND lease_time > 0"),
    release: sql("UPDATE worker SET lease_time = 0 WHERE number = ?"),
    workers: sql("SELECT number, name, lease_time FROM worker"),
    forget: sql("DELETE FROM worker WHERE number = ?"),
    jobsOfWorker:
      sql(`SELECT job.key AS key, attempt_count, max_attempts, attempts_before, ambiguity, begun_attempt, due_time,
      update_time, coalesce(run_time, create_time) AS run_time, retry FROM job JOIN spec USING (key)
      WHERE worker = ? AND finish_time IS NULL`),
    cancelledOfWorker: sql("SELECT key, attempt, claim_time FROM cancelled WHERE worker = ?"),
    hold: sql(
      `UPDATE job SET state = ${stateNumber("HELD")}, worker = -1, due_time = ?, update_time = ?, revision = ? WHERE key = ?`,
    ),
    requeue: sql(
      "UPDATE job SET state = ?, worker = 0, due_time = ?, update_time = ?, revision = ? WHERE key = ?",
    ),

    openStage: sql("INSERT INTO stage (worker, state, reserved) VALUES (?, 0, ?)"),
    isStageOpen: sql("SELECT 1 FROM stage WHERE number = ? AND state = 0"),
    publishStage: sql("UPDATE stage SET state = 1 WHERE number = ? AND state = 0 RETURNING reserved"),
    discardStage: sql("UPDATE stage SET state = 2 WHERE number = ? AND state = 0 RETURNING reserved"),
    orphanedStages: sql(
      "SELECT number FROM stage WHERE state = 0 AND worker NOT IN (SELECT number FROM worker WHERE lease_time > 0)",
    ),
    isClosedStageLeft: sql("SELECT 1 FROM stage WHERE state > 0 LIMIT 1"),
    firstClosedStage: sql("SELECT number, state FROM stage WHERE state > 0 ORDER BY number LIMIT 1"),
    // In the order in which they are claimed.
    stagedJobs: sql(`SELECT key FROM job WHERE worker = ? AND finish_time IS NULL
      ORDER BY priority DESC, due_time LIMIT ? + 0`),
    settleJob: sql("UPDATE job SET worker = 0, revision = ? WHERE key = ?"),
    forgetStage: sql("DELETE FROM stage WHERE number = ?"),
    // The stage that hides the job with this key.
    hidingStage: sql(`SELECT number, stage.state AS state FROM stage JOIN job ON number = -1 - job.worker
      WHERE job.key = ? AND job.worker < -1 AND stage.state <> 1`),
    deleteRequest: sql("DELETE FROM request WHERE key = ?"),

    findRequest: sql("SELECT key, content_hash, job_id, uid, create_time, state FROM request WHERE id = ?"),
    insertRequest: sql(`INSERT INTO request (key, id, content_hash, job_id, uid, create_time, state)
      VALUES (?, ?, ?, ?, ?, ?, ?)`),
    findDuplicate: sql(`SELECT key, id, uid, state, worker FROM job
      WHERE queue = ? AND dedup_key = ? AND dedup_key IS NOT NULL AND finish_time IS NULL`),
    readTime: sql("SELECT wall, uptime, boot, revision, ahead, ahead_since FROM time WHERE one = 1"),
    writeTime: sql(`INSERT INTO time (one, wall, uptime, boot, revision) VALUES (1, ?, ?, ?, ?)
      ON CONFLICT (one) DO UPDATE SET wall = excluded.wall, uptime = excluded.uptime, boot = excluded.boot,
      revision = excluded.revision`),
    writeAhead: sql("UPDATE time SET ahead = ?, ahead_since = ? WHERE one = 1"),
    shiftDue: sql(shiftDue("INDEXED BY job_open")),
    shiftDueOfAll: sql(shiftDue("NOT INDEXED")),
    shiftRuns:
      sql(`UPDATE job SET run_time = run_time + $jump WHERE run_time IS NOT NULL AND finish_time IS NULL
      AND NOT (revision > $revision AND run_time BETWEEN $from AND $to)`),
    // Two, since there is an index for each.
    endUsualBy: sql(
      "UPDATE job SET finish_time = ? WHERE finish_time IS NOT NULL AND finish_time > ? AND retention IS NULL",
    ),
    endOwnBy: sql(
      "UPDATE job SET finish_time = ? WHERE finish_time IS NOT NULL AND finish_time > ? AND retention IS NOT NULL",
    ),
    sweepAgainFrom: sql("UPDATE counter SET swept_time = ?, swept_key = 0 WHERE one = 1 AND swept_time >= ?"),
    forgetRequestsBy: sql(
      "UPDATE request SET forget_time = ? WHERE forget_time IS NOT NULL AND forget_time > ?",
    ),
    shiftDestinations: sql("UPDATE destination SET blocked_until = blocked_until + ?"),
    renewAll: sql("UPDATE worker SET lease_time = ? WHERE lease_time > 0"),

    findId: sql("SELECT key, worker FROM job WHERE id = ?"),
    readJob: sql(`SELECT ${jobColumns} FROM job WHERE id = ? AND ${isVisible}`),
    insertJob:
      sql(`INSERT INTO job (key, id, uid, queue, state, priority, due_time, expire_time, schedule_time,
      attempt_count, max_attempts, worker, create_time, update_time, revision, dedup_key, ambiguity, retention, is_relative,
      run_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    insertSpec: sql(`INSERT INTO spec (key, method, url, headers, parameters, retry, attempt_timeout, labels,
      traceparent, tracestate, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),

    // From the highest on, since over all priorities at once the index would be read past every job that is not due yet.
    // `+ 0`: SQLite plans a statement anew whenever a bare parameter of a LIMIT has another value, at five times the cost.
    nextPriority: sql(`SELECT priority FROM job WHERE worker = 0 AND priority < ? AND finish_time IS NULL
      ORDER BY priority DESC LIMIT 1`),
    // Its columns are named as in ClaimedRow.
    due: sql(`SELECT job.key AS key, id, uid, queue, expire_time AS expireTime, attempt_count AS attemptCount,
      max_attempts AS maxAttempts, attempts_before AS attemptsBefore, ambiguity, due_time AS dueTime,
      run_time AS runTime, create_time AS createTime, method, url, headers, parameters, retry,
      attempt_timeout AS attemptTimeout, labels, traceparent, tracestate, body FROM job JOIN spec USING (key)
      WHERE worker = 0 AND priority = ? AND due_time <= ? AND finish_time IS NULL ORDER BY due_time, job.key LIMIT ? + 0`),
    countDue: sql(`SELECT count(*) AS count FROM (SELECT 1 FROM job
      WHERE worker = 0 AND priority = ? AND due_time <= ? AND finish_time IS NULL LIMIT ? + 0)`),
    nextDue: sql(`SELECT due_time FROM job WHERE worker = 0 AND priority = ? AND finish_time IS NULL
      ORDER BY due_time LIMIT 1`),
    claim:
      sql(`UPDATE job SET worker = ?, state = ?, attempt_count = attempt_count + 1, update_time = ?, revision = ?
      WHERE key = ?`),
    finish:
      sql(`UPDATE job SET state = ?, worker = ?, due_time = ?, finish_time = ?, update_time = ?, revision = ?
      WHERE key = ? AND worker = ? AND attempt_count = ? AND state = ?`),
    giveBack:
      sql(`UPDATE job SET state = ?, worker = 0, due_time = ?, attempt_count = attempt_count - 1, begun_attempt = 0,
      update_time = ?, revision = ? WHERE key = ? AND worker = ? AND attempt_count = ? AND state = ?`),
    begin: sql(
      "UPDATE job SET begun_attempt = ? WHERE key = ? AND worker = ? AND attempt_count = ? AND state = ?",
    ),
    end: sql("UPDATE job SET state = ?, finish_time = ?, update_time = ?, revision = ? WHERE key = ?"),

    cancelDispatching: sql("INSERT INTO cancelled (key, worker, attempt, claim_time) VALUES (?, ?, ?, ?)"),
    findCancelled: sql("SELECT 1 FROM cancelled WHERE key = ? AND worker = ? AND attempt = ?"),
    isStillSending: sql("SELECT 1 FROM cancelled WHERE key = ?"),
    forgetCancelled: sql("DELETE FROM cancelled WHERE key = ?"),
    touch: sql("UPDATE job SET update_time = ?, revision = ? WHERE key = ?"),
    restart: sql(`UPDATE job SET state = ?, worker = 0, due_time = ?, run_time = ?, run_count = run_count + 1,
      attempts_before = attempt_count, expire_time = NULL, finish_time = NULL, update_time = ?, revision = ?
      WHERE key = ?`),

    // Without those that say it themselves.
    endedByAge: sql(`SELECT key, create_time FROM job WHERE finish_time IS NOT NULL AND finish_time < ?
      AND retention IS NULL ORDER BY finish_time LIMIT ? + 0`),
    endedByOwnAge:
      sql(`SELECT key, create_time FROM job WHERE finish_time IS NOT NULL AND retention IS NOT NULL
      AND finish_time + retention < ? ORDER BY finish_time + retention LIMIT ? + 0`),
    oldestEnded: sql(bothEnded("", "key, create_time, finish_time")),
    firstEnd: sql(`SELECT min(finish_time) AS time FROM (
      SELECT min(finish_time) AS finish_time FROM job WHERE finish_time IS NOT NULL AND retention IS NULL
      UNION ALL SELECT min(finish_time) FROM job WHERE finish_time IS NOT NULL AND retention IS NOT NULL)`),
    endedAfter: sql(
      bothEnded("AND (finish_time, key) > ($time, $key) AND finish_time < $before", "key, finish_time"),
    ),
    readSwept: sql("SELECT swept_time, swept_key FROM counter WHERE one = 1"),
    writeSwept: sql("UPDATE counter SET swept_time = ?, swept_key = ? WHERE one = 1"),
    forgetRequests: sql(`DELETE FROM request WHERE key IN (
      SELECT key FROM request WHERE forget_time IS NOT NULL AND forget_time < ? LIMIT ? + 0)`),

    forgetRequest: sql("UPDATE request SET forget_time = ? WHERE key = ?"),
    deleteJob: sql("DELETE FROM job WHERE key = ?"),
    deleteSpec: sql("DELETE FROM spec WHERE key = ?"),
    deleteAttempts: sql("DELETE FROM attempt WHERE key = ?"),

    slowDown: sql(`INSERT INTO destination (origin, blocked_until) VALUES (?, ?)
      ON CONFLICT (origin) DO UPDATE SET blocked_until = max(blocked_until, excluded.blocked_until)`),
    destinations: sql("SELECT origin, blocked_until FROM destination"),
    speedUp: sql("DELETE FROM destination WHERE blocked_until <= ?"),
    // One that was scheduled for a time which has come waits for the target from then on.
    defer: sql(`UPDATE job SET due_time = ?, update_time = ?, revision = ?,
      state = iif(state = ${stateNumber("SCHEDULED")}, ${stateNumber("QUEUED")}, state) WHERE key = ?`),

    insertAttempt: sql(`INSERT INTO attempt (key, number, result, start_time, end_time, http_status, worker,
      error_reason, error_message, response_truncated, response_headers, response_body, passage)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    dropAttempts: sql("DELETE FROM attempt WHERE key = ? AND number <= ? AND response_headers IS NULL"),
    dropResponses: sql(
      "UPDATE attempt SET response_truncated = NULL, response_headers = NULL, response_body = NULL WHERE key = ?",
    ),
  };
}
