/** A configuration file under a relay that runs: what changes, what stays, and that nobody notices but by the change. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ServiceError } from "@grpc/grpc-js";
import { requestStatus } from "@fieldpost/supervisor/control";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import { launcher, makeFolder, startProgram, startRelay, toRelay } from "../support/relay.ts";
import type { LogLine, Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { clientOfEachWorker, post } from "./setting.ts";

/** A mounted ConfigMap: `fieldpost.yaml → ..data/fieldpost.yaml`, `..data → ..1`; a change swaps `..data`. */
class Volume {
  readonly path: string;
  readonly #mount: string;
  #version = 0;

  constructor(text: string) {
    this.#mount = makeFolder();
    onTestFinished(() => rmSync(this.#mount, { recursive: true, force: true }));
    this.path = join(this.#mount, "fieldpost.yaml");
    this.swap(text);
    symlinkSync("..data/fieldpost.yaml", this.path);
  }

  swap(text: string): void {
    const old = join(this.#mount, `..${this.#version}`);
    const name = `..${++this.#version}`;
    mkdirSync(join(this.#mount, name));
    writeFileSync(join(this.#mount, name, "fieldpost.yaml"), text);
    symlinkSync(name, join(this.#mount, "..data_tmp"));
    renameSync(join(this.#mount, "..data_tmp"), join(this.#mount, "..data"));
    rmSync(old, { recursive: true, force: true });
  }
}

const changedTo =
  (option: string, to: string) =>
  (line: LogLine): boolean =>
    (line["changed"] as { option: string; to: string }[] | undefined)?.some(
      (change) => change.option === option && change.to === to,
    ) === true;

/** Waits until each worker that lives now has said so. */
async function appliedEverywhere(relay: Relay, option: string, to: string): Promise<void> {
  const changed = changedTo(option, to);
  for (const pid of relay.workerPids()) {
    await relay.line("configuration applied", (line) => line["pid"] === pid && changed(line));
  }
}

const sized = (url: string, bytes: number) => ({ job: post(url, "x".repeat(bytes)) });

/** "taken", or the fields that are bad. */
async function answerTo(client: RelayClient, url: string, bytes: number): Promise<string> {
  try {
    await client.enqueue({ ...sized(url, bytes), validateOnly: true });
    return "taken";
  } catch (error) {
    return (error as ServiceError).details;
  }
}

/** Calls without a pause until `stop`, from several connections. Whatever is not answered well is kept. */
function load(relay: Relay, url: string): { stop(): Promise<{ answered: number; failures: unknown[] }> } {
  const clients = Array.from({ length: 4 }, () => createRelayClient(relay.grpcAddress));
  const failures: unknown[] = [];
  let answered = 0;
  let isOver = false;
  const calls = clients.map(async (client) => {
    while (!isOver) {
      try {
        await client.enqueue(sized(url, 10));
        answered++;
      } catch (error) {
        failures.push(error);
      }
    }
    client.close();
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(calls);
      return { answered, failures };
    },
  };
}

test("a swap of ..data under load is in force in all workers, and no call fails", async () => {
  await using target = await startTarget();
  const volume = new Volume("max_body: 2KiB\n");
  await using relay = await startRelay({ args: ["--config", volume.path] });
  await using workers = await clientOfEachWorker(relay);
  const pids = relay.alive().toSorted();
  const calls = load(relay, target.url);
  for (const [kib, other] of [
    [1, 2],
    [3, 4],
    [2, 3],
  ] as const) {
    volume.swap(`max_body: ${kib}KiB\n`);
    await appliedEverywhere(relay, "max_body", `${kib}KiB`);
    for (const client of workers.clients) {
      expect(await answerTo(client, target.url, kib * 1024)).toBe("taken");
      expect(await answerTo(client, target.url, other * 1024)).toContain("job.http.body");
    }
  }
  const { answered, failures } = await calls.stop();
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(0);
  // The same processes, and the same connections: those of `workers` were made before the first change.
  expect(relay.alive().toSorted()).toEqual(pids);
  await target.received(answered);
  expect(await relay.stop()).toBe(0);
});

test("another number of workers is there when all are replaced, and no call fails", async () => {
  await using target = await startTarget();
  const volume = new Volume("workers: 1\n");
  await using relay = await startRelay({ workers: null, args: ["--config", volume.path] });
  const calls = load(relay, target.url);
  volume.swap("workers: 2\n");
  await relay.line("reloaded");
  const { workers } = await requestStatus(`${relay.store}.control`);
  expect(workers.filter(({ state }) => state === "ready")).toHaveLength(2);
  const { answered, failures } = await calls.stop();
  expect(failures).toEqual([]);
  await target.received(answered);
  expect(await relay.stop()).toBe(0);
});

test("an invalid change is refused by name everywhere; the next valid one is taken", async () => {
  await using target = await startTarget();
  const volume = new Volume("max_body: 1KiB\n");
  await using relay = await startRelay({ args: ["--config", volume.path] });
  await using workers = await clientOfEachWorker(relay);
  volume.swap("max_body: 5KiB\nmax_depht: 3\nlog_level: loud\n");
  const refused = await relay.line("configuration refused; the old one stays in force");
  expect(refused["problems"]).toEqual([
    `${volume.path}:2:1: max_depht: there is no such key; did you mean max_depth?`,
    `${volume.path}:3:12: log_level: "loud" is not one of trace, debug, info, warn, error, silent`,
  ]);
  for (const client of workers.clients) {
    expect(await answerTo(client, target.url, 1024)).toBe("taken");
    expect(await answerTo(client, target.url, 1025)).toContain("job.http.body");
  }
  volume.swap("max_body: 5KiB\n");
  await appliedEverywhere(relay, "max_body", "5KiB");
  for (const client of workers.clients) expect(await answerTo(client, target.url, 5000)).toBe("taken");
});

test("SIGHUP reads the file at once; what needs a restart is named, and the rest is in force", async () => {
  await using target = await startTarget();
  const volume = new Volume("max_body: 1KiB\n");
  await using relay = await startRelay({ args: ["--config", volume.path] });
  await using workers = await clientOfEachWorker(relay);
  volume.swap("max_body: 2KiB\npid_file: /nowhere/else.pid\nworkers: 7\n");
  relay.signal("SIGHUP");
  const changed = await relay.line("configuration changed");
  expect(changed).toMatchObject({
    cause: "SIGHUP",
    // The flag --workers of this relay is stronger, so it does not even need a restart.
    overridden: ["workers (flag --workers)"],
  });
  await relay.line("needs a restart: pid_file (still unset, not /nowhere/else.pid)");
  await appliedEverywhere(relay, "max_body", "2KiB");
  for (const client of workers.clients) expect(await answerTo(client, target.url, 2048)).toBe("taken");
  relay.signal("SIGHUP");
  await relay.line(
    "needs a restart: pid_file (still unset, not /nowhere/else.pid)",
    (line) => line !== changed,
  );
});

test("a worker that is killed after a change comes up with the new configuration", async () => {
  await using target = await startTarget();
  const volume = new Volume("max_body: 1KiB\n");
  await using relay = await startRelay({ args: ["--config", volume.path] });
  volume.swap("max_body: 3KiB\n");
  await appliedEverywhere(relay, "max_body", "3KiB");
  for (const pid of relay.workerPids()) process.kill(pid, "SIGKILL");
  for (const slot of [0, 1]) {
    await relay.line("worker is ready", (line) => line["slot"] === slot && line["generation"] === 2);
  }
  await using workers = await clientOfEachWorker(relay);
  for (const client of workers.clients) {
    expect(await answerTo(client, target.url, 3 * 1024)).toBe("taken");
    expect(await answerTo(client, target.url, 3 * 1024 + 1)).toContain("job.http.body");
  }
  // They have it from their start, and not because it was announced again.
  const pids = relay.workerPids();
  const late = relay.lines.filter(
    ({ msg, pid }) => msg === "configuration applied" && pids.includes(Number(pid)),
  );
  expect(late).toEqual([]);
});

test("changes while workers die and start end with the last one in all of them", async () => {
  await using target = await startTarget();
  const volume = new Volume("max_depth: 100000\n");
  await using relay = await startRelay({ args: ["--config", volume.path] });
  for (let round = 1; round <= 5; round++) {
    process.kill(relay.workerPids()[round % 2]!, "SIGKILL");
    // In the middle of its successor's start, at another moment each time.
    if (round % 2 === 0) await relay.line("worker died", (line) => line["workerPid"] !== undefined);
    volume.swap(`max_body: ${round}KiB\n`);
    relay.signal("SIGHUP");
    await relay.line("configuration changed", changedTo("max_body", `${round}KiB`));
    const generation = Math.ceil(round / 2) + 1;
    await relay.line(
      "worker is ready",
      (line) => line["slot"] === round % 2 && line["generation"] === generation,
    );
  }
  await using workers = await clientOfEachWorker(relay);
  for (const client of workers.clients) {
    expect(await answerTo(client, target.url, 5 * 1024)).toBe("taken");
    expect(await answerTo(client, target.url, 5 * 1024 + 1)).toContain("job.http.body");
  }
});

describe("a change has its effect", () => {
  test("of parallel_sends: more attempts at once, and fewer", async () => {
    await using target = await startTarget(() => undefined);
    const volume = new Volume("parallel_sends: 1\n");
    await using relay = await startRelay({ workers: 1, args: ["--config", volume.path] });
    await Promise.all(Array.from({ length: 30 }, () => relay.client.enqueue({ job: post(target.url) })));
    await target.received(1);
    expect(target.requests).toHaveLength(1);
    volume.swap("parallel_sends: 6\n");
    await target.received(6);
    expect(target.requests.length).toBe(6);
    volume.swap("parallel_sends: 2\n");
    await appliedEverywhere(relay, "parallel_sends", "2");
    for (const request of target.requests.slice(0, 6)) request.answer(200);
    await target.received(8);
    expect(target.requests.length).toBe(8);
  });

  test("of max_depth, max_message, response_cap and the defaults of jobs: the next call", async () => {
    await using target = await startTarget(() => ({ status: 200, body: "0123456789" }));
    const volume = new Volume("{}\n");
    await using relay = await startRelay({ workers: 1, args: ["--config", volume.path] });
    volume.swap(
      "response_cap: 4B\nmax_attempts: 3\nattempt_timeout: 7s\nretry_jitter: none\nretry_max_backoff: 9s\n",
    );
    await appliedEverywhere(relay, "max_attempts", "3");
    const { name } = await relay.client.enqueue({ job: post(target.url) });
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(job).toMatchObject({
      maxAttempts: 3,
      attemptTimeout: { seconds: 7n },
      retryPolicy: { maxBackoff: { seconds: 9n } },
      response: { truncated: true },
    });
    expect(Buffer.from(job.response!.body).toString()).toBe("0123");

    volume.swap("max_body: 1KiB\nmax_message: 2KiB\n");
    await appliedEverywhere(relay, "max_message", "2KiB");
    const refused = await relay.client.enqueue(sized(target.url, 4096)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 8, details: expect.stringContaining("larger than max") });

    volume.swap("max_depth: 1\n");
    await appliedEverywhere(relay, "max_depth", "1");
    const scheduleTime = new Date(Date.now() + 3_600_000);
    await relay.client.enqueue({ job: { ...post(target.url), scheduleTime } });
    const full = await relay.client.enqueue({ job: post(target.url) }).catch((error: unknown) => error);
    expect(full).toMatchObject({ code: 8, details: expect.stringContaining("may hold 1;") });
  });

  test("of drain_timeout: the next stop", async () => {
    await using target = await startTarget(() => undefined);
    const volume = new Volume("drain_timeout: 30s\n");
    await using relay = await startRelay({ args: ["--config", volume.path] });
    await relay.client.enqueue({ job: post(target.url) });
    await target.received(1);
    volume.swap("drain_timeout: 2s\n");
    await appliedEverywhere(relay, "drain_timeout", "2s");
    relay.signal("SIGTERM");
    expect(await relay.line("stopping")).toMatchObject({ drainTimeoutMs: 2000 });
    // Sooner than the 30 s of before, which are more than a test has.
    expect(await target.requests[0]!.ended).toBe("closed");
    await relay.gone();
  });

  test("of log_level: in the supervisor and in the workers", async () => {
    await using target = await startTarget();
    const volume = new Volume("log_level: warn\n");
    const dir = makeFolder();
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    // At warn nothing says where it serves.
    await using program = startProgram(launcher, [
      ...["serve", "--config", volume.path, "--workers", "2", "--store", join(dir, "fieldpost.db")],
      ...["--grpc", `unix:${join(dir, "grpc")}`, "--http", `unix:${join(dir, "http")}`],
    ]);
    const client = createRelayClient(`unix:${join(dir, "grpc")}`);
    onTestFinished(() => client.close());
    const enqueued = async (): Promise<string> => {
      for (;;) {
        const job = await client.enqueue({ job: post(target.url) }).catch(() => undefined);
        if (job !== undefined) return job.name;
      }
    };
    await client.reached(await enqueued(), JobState.JOB_STATE_SUCCEEDED);
    expect(program.lines).toEqual([]);
    volume.swap("log_level: info\n");
    await program.line("configuration changed", changedTo("log_level", "info"));
    for (const slot of [0, 1]) {
      await program.line("configuration applied", ({ name }) => String(name).endsWith(`-${slot}.1`));
    }
    program.signal("SIGTERM");
    await program.line("stopping");
    expect((await program.exited).code).toBe(0);
  });
});

test("the file gives every option of serve, and FIELDPOST_CONFIG names it", async () => {
  const dir = makeFolder();
  const file = join(dir, "fieldpost.yaml");
  writeFileSync(
    file,
    [
      "# all that a flag could say",
      `workers: 2`,
      `store: ${join(dir, "fieldpost.db")}`,
      "grpc: 127.0.0.1:0",
      'http: "127.0.0.1:0"',
      `pid_file: ${join(dir, "pid")}`,
      "insecure: false",
      "",
    ].join("\n"),
  );
  const program = startProgram(launcher, ["serve"], { env: { FIELDPOST_CONFIG: file } });
  await using relay = await toRelay(program, { dir, store: join(dir, "fieldpost.db"), ownsDir: true });
  expect((await relay.line("started"))["workers"]).toBe(2);
  expect((await fetch(`${relay.httpUrl}/readyz`)).status).toBe(200);
  expect(await relay.stop()).toBe(0);
});

test.each([
  ["is missing", undefined, /^fieldpost: \S*f\.yaml: there is no such file$/m],
  [
    "is wrong",
    "max_body: 1MB\nworkes: 2\n",
    /f\.yaml:2:1: workes: .*\n.*f\.yaml:1:11: max_body: "1MB" is not a size/,
  ],
])("a file that %s ends the start with what is the matter, and code 2", async (_, text, expected) => {
  const dir = makeFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  if (text !== undefined) writeFileSync(join(dir, "f.yaml"), text);
  await using program = startProgram(launcher, ["serve", "--config", join(dir, "f.yaml")]);
  expect((await program.exited).code).toBe(2);
  await program.gone();
  expect(program.text()).toMatch(expected);
});
