/**
 * What follows from a file whose pages contradict each other: a disk, a copy or another program has changed them. Nobody
 * knows what else is wrong then, and each write may make it worse. So whoever meets it ends, and the file is not opened
 * again before it is whole.
 */
import { existsSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { sqliteCode } from "./connection.ts";
import { isVisible } from "./rows.ts";

/** Primary result codes (sqlite.org/rescode.html). */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Up to this size a file is looked through at each start: a tenth of a second. */
const maxLookedThroughBytes = 16 * 1024 * 1024;

/** A file beside the store: damage was met. Stays until the store is found whole. */
const markOf = (path: string): string => `${path}-damaged`;

export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** So that the next one to open the file looks through all of it. */
export function markDamaged(path: string, error: unknown): void {
  try {
    const message = error instanceof Error ? error.message : String(error);
    writeFileSync(markOf(path), `${new Date().toISOString()} ${message}\n`);
  } catch {
    // A folder that cannot be written to: what it is marked for will be met again.
  }
}

/**
 * Looks through the file: one that is marked whole, with its indexes; a small one at each start. One that was marked and
 * is whole, since it was repaired or replaced, is counted anew.
 *
 * @throws Error if it is damaged
 */
export function refuseDamaged(database: DatabaseSync, path: string): void {
  const isMarked = existsSync(markOf(path));
  if (!isMarked && statSync(path).size > maxLookedThroughBytes) return;
  const finding = look(database, isMarked ? "integrity_check" : "quick_check");
  if (finding !== "ok") {
    markDamaged(path, finding);
    const way = 'see "A damaged store" in the README of @fieldpost/server';
    throw new Error(`${path} is damaged (${finding}); ${way}`);
  }
  if (!isMarked) return;
  database.exec(recount);
  unlinkIfThere(markOf(path));
}

function look(database: DatabaseSync, check: "integrity_check" | "quick_check"): string {
  try {
    const row = database.prepare(`PRAGMA ${check}(1)`).get() ?? {};
    return String(Object.values(row)[0]).replaceAll(/\s+/g, " ");
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** What is left of a job of which the half is lost is no job. */
const recount = `
  BEGIN IMMEDIATE;
  DELETE FROM job WHERE key NOT IN (SELECT key FROM spec);
  DELETE FROM spec WHERE key NOT IN (SELECT key FROM job);
  DELETE FROM attempt WHERE key NOT IN (SELECT key FROM job);
  DELETE FROM cancelled WHERE key NOT IN (SELECT key FROM job);
  INSERT OR IGNORE INTO counter (one, revision, depth) VALUES (1, 0, 0);
  UPDATE counter SET
    revision = max(revision, (SELECT coalesce(max(max(revision, key)), 0) FROM job)),
    depth = (SELECT count(*) FROM job WHERE finish_time IS NULL AND ${isVisible})
      + (SELECT coalesce(sum(reserved), 0) FROM stage WHERE state = 0),
    ended = (SELECT count(*) FROM job WHERE finish_time IS NOT NULL);
  COMMIT;
`;

/** Several workers may find the file whole at once. */
function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (existsSync(path)) throw error;
  }
}
