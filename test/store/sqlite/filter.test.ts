/** What only the SQLite store promises of filters: which index they use, and that no page takes long. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkFilter } from "../../../server/src/api/filter.ts";
import { maxComparisons } from "../../../server/src/api/filter-syntax.ts";
import { Violations } from "../../../server/src/api/violations.ts";
import type { JobFilter } from "../../../server/src/job/filter.ts";
import { openConnection } from "../../../server/src/store/sqlite/connection.ts";
import { toFilterSql } from "../../../server/src/store/sqlite/filter-sql.ts";
import { migrate } from "../../../server/src/store/sqlite/migrations.ts";
import { Scans, scanSql } from "../../../server/src/store/sqlite/scan.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import { newJob } from "../../support/new-job.ts";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fieldpost-filter-"));
  path = join(directory, "fieldpost.db");
});

afterEach(() => rm(directory, { recursive: true }));

function parse(text: string): JobFilter {
  const violations = new Violations();
  const filter = checkFilter(text, violations);
  violations.throwIfAny();
  return filter!;
}

function openMigrated(): DatabaseSync {
  const database = openConnection(path);
  migrate(database);
  return database;
}

describe("the index of the rare states", () => {
  function plansOf(filter: string): string[] {
    using database = openMigrated();
    const sql = scanSql(toFilterSql(parse(filter)), "*");
    return [sql.end, sql.matches].map((text) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map((row) => row["detail"])
        .join("; "),
    );
  }

  test.each([
    "state = FAILED",
    "state = HELD",
    "state = CANCELLED",
    "state = EXPIRED",
    "state = FAILED AND priority > 3",
    "create_time > 2026-11-22T10:00:00Z state = FAILED",
    "priority > 3 AND (attempt_count = 1 AND (state = EXPIRED AND uid = u))",
    "state = FAILED AND (priority = 1 OR state = HELD)",
    "state = FAILED AND state = HELD",
    "state = FAILED AND NOT queue = queues/default",
  ])("serves %s, both where a stretch ends and what matches", (filter) => {
    expect(plansOf(filter)).toEqual([
      "SEARCH job USING COVERING INDEX job_rare (state=? AND rowid<?)",
      "SEARCH job USING INDEX job_rare (state=? AND rowid>? AND rowid<?)",
    ]);
  });

  test.each(["state = FAILED AND labels.team = post", "http.url = http://x* state = FAILED"])(
    "serves %s, and the rest is looked up by key",
    (filter) => {
      const [, matches = ""] = plansOf(filter);
      expect(matches).toMatch(/^SEARCH job USING INDEX job_rare \(state=\? AND rowid>\? AND rowid<\?\); /);
      expect(matches).toContain("SEARCH spec USING INTEGER PRIMARY KEY (rowid=?)");
      expect(matches).not.toContain("TEMP B-TREE");
    },
  );

  test.each([
    "state = QUEUED",
    "state != FAILED",
    "NOT state = FAILED",
    "state = FAILED OR state = HELD",
    "priority > 3",
    "next_attempt_time > 2026-11-22T10:00:00Z",
  ])("is not used for %s, which goes by key", (filter) => {
    expect(plansOf(filter)).toEqual([
      "SEARCH job USING INTEGER PRIMARY KEY (rowid<?)",
      // And whether its batch is whole, if it has one.
      "SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?); CORRELATED SCALAR SUBQUERY 1; SEARCH stage USING INTEGER PRIMARY KEY (rowid=?)",
    ]);
  });
});

test("nothing that a caller wrote stands in the SQL, and filters of one shape have one text", () => {
  const shape = (id: string, label: string, url: string, priority: number) =>
    toFilterSql(
      parse(`name = jobs/${id} labels."${label}" = "v" http.url = "*${url}*" priority > ${priority}`),
    );
  const one = shape("needle", "needle", "needle", 4_711);
  expect(one.condition).not.toMatch(/needle|4711|"v"/);
  expect(shape("other", "a'b\\\"c", "%", 0).condition).toBe(one.condition);
});

test("a page looks at 20,000 jobs at the most, and the pages together at all", async () => {
  const store = await openSqliteStore({ path, maxDepth: 1e6 });
  await store.insert(0, [newJob({ id: "needle" })], 1, { claimUpTo: 0 });
  for (let batch = 0; batch < 5; batch++) {
    const jobs = Array.from({ length: 5000 }, (_, index) => newJob({ id: `hay-${batch}-${index}` }));
    await store.insert(0, jobs, 1, { claimUpTo: 0 });
  }
  const query = {
    limit: 10,
    maxBytes: 1e6,
    parts: new Set<never>(),
    filter: parse("uid = none OR name = jobs/needle"),
  };
  const first = await store.list({ ...query, beforeKey: undefined });
  expect(first.jobs).toEqual([]);
  expect(first.nextBeforeKey).toBeGreaterThan(5000);
  const found: string[] = [];
  let beforeKey = first.nextBeforeKey;
  while (beforeKey !== undefined) {
    const page = await store.list({ ...query, beforeKey });
    found.push(...page.jobs.map(({ id }) => id));
    beforeKey = page.nextBeforeKey;
  }
  expect(found).toEqual(["needle"]);
  await store.close();
});

test("a page of the most expensive filter over jobs with the most labels takes no longer than it may", async () => {
  const store = await openSqliteStore({ path, maxDepth: 1e6 });
  const labels = new Map(Array.from({ length: 64 }, (_, index) => [`k${index}`, "v".repeat(255)]));
  for (let batch = 0; batch < 2; batch++) {
    await store.insert(
      0,
      Array.from({ length: 1000 }, () => newJob({ labels })),
      1,
      { claimUpTo: 0 },
    );
  }
  const filter = parse(Array.from({ length: maxComparisons }, (_, n) => `labels.k63:${n}`).join(" OR "));
  const query = { limit: 10, maxBytes: 1e6, beforeKey: undefined, parts: new Set<never>(), filter };
  const began = performance.now();
  const page = await store.list(query);
  // About 0.2 s on a slow machine; all 2,000 jobs would take 15 s.
  expect(performance.now() - began).toBeLessThan(5000);
  expect(page.nextBeforeKey).toBeDefined();
  await store.close();
});

test("statements are kept by shape, so many and no more", () => {
  using database = openMigrated();
  let prepared = 0;
  const counting = new Proxy(database, {
    get: (target, name: keyof DatabaseSync) => {
      if (name === "prepare") prepared++;
      return (target[name] as (...args: unknown[]) => unknown).bind(target);
    },
  });
  const scans = new Scans(counting, "*");
  const scan = (text: string): number => {
    prepared = 0;
    expect([...scans.begin(parse(text), 1)]).toEqual([]);
    return prepared;
  };
  const shape = (count: number): string => Array.from({ length: count }, (_, n) => `uid = "${n}"`).join(" ");
  expect(scan("priority = 1")).toBe(2);
  expect(scan("priority = 2")).toBe(0);
  for (let count = 1; count <= 31; count++) expect(scan(shape(count))).toBe(2);
  expect(scan("priority = 3")).toBe(0);
  expect(scan(shape(32))).toBe(2);
  expect(scan(shape(1))).toBe(2);
  expect(scan("priority = 4")).toBe(0);
});
