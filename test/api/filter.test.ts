/** What a filter may say, what is refused and how, and which jobs it lists. */
import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { checkFilter } from "../../server/src/api/filter.ts";
import { Violations } from "../../server/src/api/violations.ts";
import type { JobFilter } from "../../server/src/job/filter.ts";
import { cancel, list } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received, start } from "./setting.ts";
import type { JobInput, Setting } from "./setting.ts";

/** What it means, or the descriptions of what is wrong with it. */
function check(filter: string): JobFilter | string[] | undefined {
  const violations = new Violations();
  const parsed = checkFilter(filter, violations);
  expect(violations.list.every(({ field }) => field === "filter")).toBe(true);
  return violations.list.length === 0 ? parsed : violations.list.map(({ description }) => description);
}

/** A filter in a short form in which a test can say what it must be: and, or and not in a programmer's order. */
function show(filter: JobFilter): string {
  switch (filter.kind) {
    case "and":
    case "or":
      return `${filter.kind}(${filter.filters.map(show).join(", ")})`;
    case "not":
      return `not(${show(filter.filter)})`;
    case "set":
      return `set ${fieldName(filter.field)}`;
    case "state":
      return filter.state;
    case "number":
      return `${filter.field} ${filter.operator} ${filter.value}`;
    case "text":
      return `${fieldName(filter.field)} ${filter.match} ${JSON.stringify(filter.value)}`;
    default:
      return filter satisfies never;
  }
}

const fieldName = (field: string | { label: string }): string =>
  typeof field === "string" ? field : `label ${JSON.stringify(field.label)}`;

const noon = Date.UTC(2026, 10, 22, 12);

const fields =
  "name, uid, queue, state, priority, attempt_count, create_time, update_time, schedule_time, expire_time, next_attempt_time, finish_time, dedup_key, http.url, http.method, labels.KEY";
const states = "SCHEDULED, QUEUED, DISPATCHING, RETRYING, SUCCEEDED, FAILED, HELD, CANCELLED, EXPIRED";
const idRule = "whose id must match [a-zA-Z0-9][a-zA-Z0-9_-]{0,127}; a * may stand before and after the id";
const comparison = "stands where a comparison must, such as state = FAILED";
const bare = "stands without a comparator; write FIELD = VALUE, as words alone are not searched for";
const rfc3339 = "is not a time of RFC 3339, such as 2026-11-22T10:00:00Z";

describe("a filter", () => {
  test.each([
    // Fields and their values.
    ["state = FAILED", "FAILED"],
    ["state = JOB_STATE_FAILED", "FAILED"],
    ["state = 'FAILED'", "FAILED"],
    ["state:FAILED", "FAILED"],
    ["state != FAILED", "and(set state, not(FAILED))"],
    ["state:*", "set state"],
    ["name = jobs/a-1", 'id whole "a-1"'],
    ['name = "jobs/a-1"', 'id whole "a-1"'],
    ["name != jobs/a-1", 'and(set id, not(id whole "a-1"))'],
    ["name = jobs/a*", 'id prefix "a"'],
    ["name = 'jobs/*-a'", 'id suffix "-a"'],
    ["name = jobs/*a*", 'id part "a"'],
    ["name = jobs/*", "set id"],
    ["queue = queues/default", 'queue whole "default"'],
    ["uid = 0190-x", 'uid whole "0190-x"'],
    ["uid = *", "set uid"],
    ["priority = 3", "priority = 3"],
    ['priority:"3"', "priority = 3"],
    ["priority >= -1", "priority >= -1"],
    ["priority != 3", "and(set priority, not(priority = 3))"],
    ["priority:*", "not(priority = 0)"],
    ["attempt_count < 10", "attemptCount < 10"],
    ["create_time > 2026-11-22T12:00:00Z", `createTime > ${noon}`],
    ["update_time <= '2026-11-22T12:00:00.001+00:00'", `updateTime <= ${noon + 1}`],
    ["schedule_time = 2026-11-22T14:30:00+02:30", `scheduleTime = ${noon}`],
    ["expire_time != 2026-11-22T12:00:00Z", `and(set expireTime, not(expireTime = ${noon}))`],
    ["next_attempt_time:*", "set nextAttemptTime"],
    ["-finish_time:*", "not(set finishTime)"],
    ["http.method = PUT", 'method whole "PUT"'],
    ["http.url = http://a.test:80/x?y=z&a=1,2", 'url whole "http://a.test:80/x?y=z&a=1,2"'],
    ["http.url = *://a.test/*", 'url part "://a.test/"'],
    ["http.url = 'http://a.test/(x)'", 'url whole "http://a.test/(x)"'],
    ["labels.team = post", 'label "team" whole "post"'],
    ["labels.team != post*", 'and(set label "team", not(label "team" prefix "post"))'],
    ["labels.team:post", 'label "team" whole "post"'],
    ["labels.team:*", 'set label "team"'],
    ["labels:team", 'set label "team"'],
    ["labels:a.b", 'set label "a.b"'],
    ["labels:*", "set labels"],
    [String.raw`labels."a.b" = 'it\'s'`, `label "a.b" whole "it's"`],
    ["labels.AND = 'OR'", 'label "AND" whole "OR"'],
    // Quotes, backslashes and wildcards.
    [String.raw`uid = "\"\\\*\'"`, String.raw`uid whole "\"\\*'"`],
    [String.raw`uid = "\*a*"`, 'uid prefix "*a"'],
    [`uid = ""`, 'uid whole ""'],
    [`uid = "**"`, "set uid"],
    [`uid = "a b = c AND (d"`, 'uid whole "a b = c AND (d"'],
    // AND, OR, NOT and white space.
    ["priority=1 priority=2", "and(priority = 1, priority = 2)"],
    ["priority=1 AND priority=2 AND priority=3", "and(priority = 1, priority = 2, priority = 3)"],
    ["priority=1 AND priority=2 OR priority=3", "and(priority = 1, or(priority = 2, priority = 3))"],
    ["priority=1 OR priority=2 AND priority=3", "and(or(priority = 1, priority = 2), priority = 3)"],
    ["priority=1 OR priority=2 priority=3", "and(or(priority = 1, priority = 2), priority = 3)"],
    ["(priority=1 AND priority=2) OR priority=3", "or(and(priority = 1, priority = 2), priority = 3)"],
    ["NOT priority=1 OR priority=2", "or(not(priority = 1), priority = 2)"],
    ["NOT (priority=1 OR priority=2)", "not(or(priority = 1, priority = 2))"],
    ["-(priority=1 priority=2)", "not(and(priority = 1, priority = 2))"],
    ["NOT(priority=1) AND(priority=2)", "and(not(priority = 1), priority = 2)"],
    ["\t(( priority\n=\r\n1 ) ) ", "priority = 1"],
    ["  priority   >=1  ", "priority >= 1"],
  ])("%j", (filter, meaning) => {
    expect(show(check(filter) as JobFilter)).toBe(meaning);
  });

  test.each(["", " ", "\t\r\n"])("%j means all jobs", (filter) => {
    expect(check(filter)).toBeUndefined();
  });
});

describe("refused is", () => {
  test.each<[filter: string, ...descriptions: string[]]>([
    ["prod", `at column 1, "prod" ${bare}`],
    ["state = FAILED prod", `at column 16, "prod" ${bare}`],
    ['"some words"', `at column 1, "\\"some words\\"" ${bare}`],
    ["regex(name, 'x')", 'at column 1, "regex" is a function; functions are not offered'],
    ["a.b(c) = 1", 'at column 1, "a.b" is a function; functions are not offered'],
    ["id = 1", `at column 1, "id" is not a field of a filter; allowed are ${fields}`],
    ["constructor = 1", `at column 1, "constructor" is not a field of a filter; allowed are ${fields}`],
    ["http:*", `at column 1, "http" is not a field of a filter; allowed are ${fields}`],
    ["http.body = x", `at column 1, "http.body" is not a field of a filter; allowed are ${fields}`],
    ["1 > 0", `at column 1, "1" is not a field of a filter; allowed are ${fields}`],
    ["labels.a.b = c", 'at column 1, "labels.a.b" is no label; a key with dots is quoted: labels."a.b"'],
    ["labels = a", 'at column 8, "=" cannot compare labels; allowed are labels:KEY and labels.KEY'],
    ["labels.", "at column 8, the end stands where the rest of a field's name must"],
    ["labels.a > b", 'at column 10, ">" cannot compare labels.a; allowed are = != :'],
    ["state < FAILED", 'at column 7, "<" cannot compare state; allowed are = != :'],
    ["http.url >= a", 'at column 10, ">=" cannot compare http.url; allowed are = != :'],
    ["state = LOST", `at column 9, "LOST" is not a state; allowed are ${states}`],
    ["state = failed", `at column 9, "failed" is not a state; allowed are ${states}`],
    [
      "state:JOB_STATE_UNSPECIFIED",
      `at column 7, "JOB_STATE_UNSPECIFIED" is not a state; allowed are ${states}`,
    ],
    ["name = a", `at column 8, "a" is not jobs/{id}, ${idRule}`],
    ["name = jobs/", `at column 8, "jobs/" is not jobs/{id}, ${idRule}`],
    ["name = jobs/a*b", `at column 8, "jobs/a*b" is not jobs/{id}, ${idRule}`],
    ["name = '*a'", `at column 8, "*a" is not jobs/{id}, ${idRule}`],
    ["name = 'jobs/no id'", `at column 8, "jobs/no id" is not jobs/{id}, ${idRule}`],
    ["queue = default", `at column 9, "default" is not queues/{id}, ${idRule}`],
    [
      "uid = a*b",
      'at column 7, "a*b" has a * in its middle; as a wildcard it stands at the beginning or the end, as itself it is quoted: "\\*"',
    ],
    ["priority = high", 'at column 12, "high" is not a whole number, as priority is one'],
    ["priority = 1.5", 'at column 12, "1.5" is not a whole number, as priority is one'],
    ["attempt_count = 1e3", 'at column 17, "1e3" is not a whole number, as attempt_count is one'],
    ["create_time > yesterday", `at column 15, "yesterday" ${rfc3339}`],
    ["create_time > 2026-11-22", `at column 15, "2026-11-22" ${rfc3339}`],
    ["finish_time = ''", `at column 15, "" ${rfc3339}`],
    ["state", `at column 1, "state" ${bare}`],
    ["state =", "at column 8, the end stands where a value must"],
    ["= FAILED", `at column 1, "=" ${comparison}`],
    ["priority == 1", 'at column 11, "=" stands where a value must; one that begins so stands in quotes'],
    ["priority <> 1", 'at column 11, ">" stands where a value must; one that begins so stands in quotes'],
    ["uid = AND", 'at column 7, "AND" stands where a value must; as a value it stands in quotes'],
    [
      "state = (FAILED OR HELD)",
      'at column 9, "(" stands where a value must; give each value a comparison of its own',
    ],
    [
      "http.url = http://a/(x)",
      `at column 21, "(x)" follows without a space; a value with ( ) " ' or \\ in it stands in quotes`,
    ],
    [
      `uid="a"state=FAILED`,
      `at column 8, "state=FAILED" follows without a space; a value with ( ) " ' or \\ in it stands in quotes`,
    ],
    [`uid = "a`, `at column 7, "\\"a" has no closing "`],
    ["uid = 'a\\'", `at column 7, "'a\\\\'" has no closing '`],
    ["uid = 'a\\", `at column 7, "'a\\\\" has no closing '`],
    ["uid = 'a\\n'", `at column 9, "\\\\n": a backslash may stand before ", ', \\ and * only`],
    ["state = FAILED AND", `at column 19, the end ${comparison}`],
    ["AND state = FAILED", `at column 1, "AND" ${comparison}`],
    ["state = FAILED OR OR state = HELD", `at column 19, "OR" ${comparison}`],
    ["NOT NOT state = HELD", `at column 5, "NOT" ${comparison}`],
    ["-", `at column 2, the end ${comparison}`],
    [
      "state = HELD or state = FAILED",
      'at column 14, "or" is no field; AND, OR and NOT are written in capitals',
    ],
    ["()", `at column 2, ")" ${comparison}`],
    ["(state = HELD", 'at column 1, "(" is not closed'],
    ["state = HELD)", 'at column 13, ")" closes nothing'],
    ["a..b = 1", 'at column 3, ".b" stands where the rest of a field\'s name must'],
    // Each thing that is wrong with a field or a value is named; characters are counted, not bytes.
    [
      "labels.é = 😀 state = A AND priority = B",
      `at column 22, "A" is not a state; allowed are ${states}`,
      'at column 39, "B" is not a whole number, as priority is one',
    ],
    [`uid = "${"x".repeat(2050)}"`, "has 2,058 characters, at most 2,048 are allowed"],
    [
      `${"(".repeat(21)}state = HELD${")".repeat(21)}`,
      'at column 21, "(" is one too many: at most 20 may stand in each other',
    ],
    ["uid:* ".repeat(101), 'at column 601, "uid:*" begins one comparison too many: at most 100 are allowed'],
  ])("%j", (filter, ...descriptions) => {
    expect(check(filter)).toEqual(descriptions);
  });

  test("nothing that is at a limit", () => {
    expect(check(`uid = "${"x".repeat(2048 - 8)}"`)).toMatchObject({ kind: "text" });
    expect(check(`${"(".repeat(20)}state = HELD${")".repeat(20)}`)).toMatchObject({ kind: "state" });
    expect(check("uid:* ".repeat(100))).toMatchObject({ kind: "and" });
    expect(check("(uid:*) ".repeat(100))).toMatchObject({ kind: "and" });
  });

  test("or taken is any text, at once and by its violations alone", () => {
    const piece = fc.constantFrom(
      ..."( ) - . : = != < <= > >= * ' \" \\ , AND OR NOT and state FAILED name jobs/a labels a priority 1 é".split(
        " ",
      ),
      " ",
      "\n",
      "\u0000",
      "create_time > 2026-11-22T12:00:00Z",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
        ),
        (text) => {
          check(text);
        },
      ),
      { numRuns: 3000 },
    );
    for (const character of ["(", "-", ".", "'", '"', "\\", "NOT ", "a.", "-(", "NOT(", "a=(", "a "]) {
      check(character.repeat(2048 / character.length));
      check(character.repeat(1_000_000));
    }
  });
});

describe("ListJobs with a filter", () => {
  async function withJobs(): Promise<Setting> {
    const relay = await openRelay();
    const add = (jobId: string, job: JobInput): Promise<unknown> =>
      enqueue(relay, received({ jobId, job: jobWith(job) }), call);
    await add("plain", {});
    await add("post-1", { priority: 7, labels: new Map([["team", "post"]]) });
    await add("post-2", { labels: new Map([["team", "post"]]), scheduleTime: new Date(start + 60_000) });
    await add("gone", { labels: new Map([["team", "other"]]) });
    await cancel(relay, "jobs/gone");
    return relay;
  }

  /** The names of all pages; one may be empty, and others follow. */
  async function namesOf(relay: Setting, filter: string, pageSize = 2): Promise<string[]> {
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await list(relay, { filter, pageSize, pageToken, readMask: ["name"] });
      names.push(...page.jobs.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return names;
  }

  test.each([
    ["state = CANCELLED", ["jobs/gone"]],
    ["state = FAILED", []],
    ["NOT state = CANCELLED", ["jobs/post-2", "jobs/post-1", "jobs/plain"]],
    ["labels.team = post", ["jobs/post-2", "jobs/post-1"]],
    ["labels.team != post", ["jobs/gone"]],
    ["-labels.team = post", ["jobs/gone", "jobs/plain"]],
    ["name = jobs/post-* AND priority > 5", ["jobs/post-1"]],
    ["schedule_time:* OR finish_time:*", ["jobs/gone", "jobs/post-2"]],
    [
      `create_time <= ${new Date(start).toISOString()}`,
      ["jobs/gone", "jobs/post-2", "jobs/post-1", "jobs/plain"],
    ],
  ])("%s lists these jobs, newest first", async (filter, names) => {
    const relay = await withJobs();
    expect(await namesOf(relay, filter)).toEqual(names);
    expect(await namesOf(relay, filter, 100)).toEqual(names);
  });

  test("answers all that is wrong with it as INVALID_ARGUMENT", async () => {
    const relay = await openRelay();
    expect(await errorOf(list(relay, { filter: "state = LOST name = x" }))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "INVALID_ARGUMENT",
      fields: ["filter", "filter"],
    });
    expect(relay.readParts).toEqual([]);
  });

  test.each(["state = FAILED", "", "labels.team:*"])(
    "refuses a page token of another one (%j)",
    async (filter) => {
      const relay = await openRelay({
        wrap: () => ({ list: () => Promise.resolve({ jobs: [], nextBeforeKey: 7 }) }),
      });
      const { nextPageToken: pageToken, jobs } = await list(relay, { filter: "labels:team" });
      expect(jobs).toEqual([]);
      expect((await errorOf(list(relay, { filter, pageToken }))).fields).toEqual(["page_token"]);
      expect((await list(relay, { filter: "labels:team", pageToken })).nextPageToken).toBe(pageToken);
    },
  );
});
