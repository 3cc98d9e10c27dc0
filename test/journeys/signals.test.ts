/** What the signals do that a user, a shell, npm or a service manager sends. */
import { connect } from "node:net";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { launcher, makeFolder, serveArguments, startProgram, startRelay, toRelay } from "../support/relay.ts";
import type { Program, Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import type { Target } from "../support/target.ts";
import { post, readStored } from "./setting.ts";

/** True if nobody listens there. */
function refused(address: string): Promise<boolean> {
  const [host, port] = address.replace("http://", "").split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}

interface Started extends AsyncDisposable {
  readonly relay: Relay;
  /** The process that the user would signal. */
  readonly pid: number;
}

async function started(
  program: Program,
  dir: string,
  pidOf: (relay: Relay) => Promise<number>,
): Promise<Started> {
  const relay = await toRelay(program, { dir, store: join(dir, "fieldpost.db"), ownsDir: true });
  return { relay, pid: await pidOf(relay), [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
}

/** As a script starts it: in the background, its pid from `$!`. */
async function startInShell(): Promise<Started> {
  const dir = makeFolder();
  const command = `"${launcher}" ${serveArguments({ dir }).join(" ")} & echo "pid $!"; wait $!; echo "code $?"`;
  const program = startProgram("/bin/sh", ["-c", command]);
  return started(program, dir, async (relay) => Number((await relay.textLine(/^pid (\d+)$/))[1]));
}

async function startByNpm(): Promise<Started> {
  const dir = makeFolder();
  const program = startProgram("npm", ["start", "--", ...serveArguments({ dir }).slice(1)]);
  return started(program, dir, (relay) => Promise.resolve(relay.pid));
}

async function jobUnderWay(relay: Relay, target: Target): Promise<string> {
  const { name } = await relay.client.enqueue({ job: post(`${target.url}/under-way`) });
  await target.received(1);
  return name;
}

/** Everything is gone, and the job that was under way was finished, not cut. */
async function expectGracefulEnd(relay: Relay, name: string): Promise<void> {
  await relay.gone();
  expect(await refused(relay.grpcAddress)).toBe(true);
  expect(await refused(relay.httpUrl)).toBe(true);
  const job = await readStored(relay.store, name, ["attempts"]);
  expect(job?.state).toBe("SUCCEEDED");
  expect(job?.attempts?.map(({ result }) => result)).toEqual(["succeeded"]);
}

const hangs = () => startTarget(() => undefined);

describe("started directly", () => {
  test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "%s lets the job under way end, then everything is gone",
    async (signal) => {
      await using target = await hangs();
      await using relay = await startRelay();
      const name = await jobUnderWay(relay, target);
      relay.signal(signal);
      await relay.line("stopping");
      target.requests[0]!.answer(200);
      expect(await relay.exited).toEqual({ code: 0, signal: null });
      await expectGracefulEnd(relay, name);
    },
  );

  test("SIGTERM cuts what takes longer than the drain timeout, and says of the attempt that it is unknown", async () => {
    await using target = await hangs();
    await using relay = await startRelay({ args: ["--drain-timeout", "2s"] });
    const name = await jobUnderWay(relay, target);
    const begin = Date.now();
    await relay.stop();
    expect(Date.now() - begin).toBeLessThan(6000);
    await relay.gone();
    const job = await readStored(relay.store, name, ["attempts"]);
    expect(job?.state).toBe("RETRYING");
    expect(job?.attempts?.map(({ result, error }) => [result, error?.reason])).toEqual([
      ["outcome-unknown", "SHUTDOWN"],
    ]);
  });

  test("a second SIGINT ends it at once", async () => {
    await using target = await hangs();
    await using relay = await startRelay();
    await jobUnderWay(relay, target);
    relay.signal("SIGINT");
    await relay.line("stopping");
    relay.signal("SIGINT");
    expect(await relay.exited).toEqual({ code: 130, signal: null });
    await relay.gone();
  });

  const nothingToDo: Readonly<Record<string, string>> = {
    SIGHUP: "there is no configuration file (--config) to read again",
    SIGUSR1: "there is no log file (--log-file) to open anew",
  };
  test.each(Object.keys(nothingToDo) as NodeJS.Signals[])(
    "%s does not end it: it serves on with the same processes",
    async (signal) => {
      await using target = await startTarget();
      await using relay = await startRelay();
      const pids = relay.alive();
      relay.signal(signal);
      await relay.line(nothingToDo[signal]!);
      const { name } = await relay.client.enqueue({ job: post(target.url) });
      await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(relay.alive().toSorted()).toEqual(pids.toSorted());
      expect(await relay.stop()).toBe(0);
    },
  );

  test("kill -9 of the supervisor: the workers end by themselves, what is under way is finished", async () => {
    await using target = await hangs();
    await using relay = await startRelay();
    const name = await jobUnderWay(relay, target);
    relay.signal("SIGKILL");
    await relay.exited;
    target.requests[0]!.answer(200);
    await expectGracefulEnd(relay, name);
  });

  test("a call that is under way when SIGTERM comes is answered", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    await relay.client.enqueue({ job: post(target.url) });
    const calls = Array.from({ length: 200 }, () => relay.client.enqueue({ job: post(target.url) }));
    relay.signal("SIGTERM");
    const results = await Promise.allSettled(calls);
    const refusals = results.filter(({ status }) => status === "rejected");
    expect((await relay.exited).code).toBe(0);
    // A call is answered or was never taken; UNAVAILABLE is what clients repeat.
    for (const refusal of refusals)
      expect((refusal as PromiseRejectedResult).reason).toMatchObject({ code: 14 });
    for (const result of results) {
      if (result.status === "fulfilled")
        expect(await readStored(relay.store, result.value.name, [])).toBeDefined();
    }
  });
});

describe("started in the background of a shell", () => {
  test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "%s to $! ends it gracefully, with code 0",
    async (signal) => {
      await using target = await hangs();
      await using shell = await startInShell();
      const { relay, pid } = shell;
      const name = await jobUnderWay(relay, target);
      process.kill(pid, signal);
      await relay.line("stopping");
      target.requests[0]!.answer(200);
      expect((await relay.textLine(/^code (\d+)$/))[1]).toBe("0");
      await relay.exited;
      await expectGracefulEnd(relay, name);
    },
  );

  test("SIGHUP to $! is the hook, and it keeps serving", async () => {
    await using target = await startTarget();
    await using shell = await startInShell();
    const { relay, pid } = shell;
    process.kill(pid, "SIGHUP");
    await relay.line("there is no configuration file (--config) to read again");
    const { name } = await relay.client.enqueue({ job: post(target.url) });
    await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    process.kill(pid, "SIGTERM");
    expect((await relay.textLine(/^code (\d+)$/))[1]).toBe("0");
    await relay.gone();
  });
});

describe("started by npm start", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const)(
    "%s to npm: the job under way ends, then everything is gone",
    async (signal) => {
      await using target = await hangs();
      await using npm = await startByNpm();
      const { relay, pid } = npm;
      const name = await jobUnderWay(relay, target);
      process.kill(pid, signal);
      await relay.line("stopping");
      target.requests[0]!.answer(200);
      const { code } = await relay.exited;
      if (signal === "SIGTERM" || signal === "SIGINT") expect(code).toBe(0);
      await expectGracefulEnd(relay, name);
    },
  );
});

test("a folder that is removed under it does not keep it from ending", async () => {
  await using relay = await startRelay();
  rmSync(relay.dir, { recursive: true });
  await relay.stop();
  await relay.gone();
});
