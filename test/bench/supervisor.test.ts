// The subjects of the supervisor's bench: that the naive ones, too, do what they are to be measured at.
import { afterAll, expect, onTestFinished, test, vi } from "vitest";

import { connectAgainAndAgain } from "../support/short-connections.ts";
import { startChild } from "./child.ts";
import { descendants } from "./processes.ts";
import { compilePrograms } from "./supervisor/build.ts";
import { callAgainAndAgain, requestAgainAndAgain } from "./supervisor/clients.ts";
import type { RequestLoadOptions, RequestLoadResult, RequestLoadRun } from "./supervisor/request-load.ts";
import { killIfAlive, kinds, startSubject } from "./supervisor/subjects.ts";
import type { Subject } from "./supervisor/subjects.ts";

const programs = compilePrograms();
afterAll(() => programs[Symbol.dispose]());
const setup = { programs: programs.folder, steps: 1000 };

const clientsOf = {
  tcp: (port: number) => connectAgainAndAgain({ host: "127.0.0.1", port }, 2),
  http: (port: number) => requestAgainAndAgain(port, 2),
  grpc: (port: number) => callAgainAndAgain(port, 2),
};
const protocols = Object.keys(clientsOf) as (keyof typeof clientsOf)[];

test.each(kinds.flatMap((kind) => protocols.map((protocol) => [kind, protocol] as const)))(
  "%s serves %s, before and after all workers are replaced",
  async (kind, protocol) => {
    await using subject = await startSubject(setup, kind, protocol);
    const before = await subject.workerPids();
    await serves();
    await subject.replace();
    await serves();
    const after = await subject.workerPids();
    expect(new Set([...before, ...after]).size).toBe(4);

    async function serves(): Promise<void> {
      const clients = clientsOf[protocol](subject.port);
      await vi.waitFor(() => expect(clients.served()).toBeGreaterThan(2), 10_000);
      await clients.stop();
    }
  },
);

test.each(kinds)(
  "%s puts another in the place of a worker that is killed, also as it starts",
  async (kind) => {
    await using subject = await startSubject(setup, kind, "tcp");
    const ready = await subject.workerPids();
    killIfAlive(ready[0]!);
    const starting = await vi.waitFor(() => {
      const found = descendants(subject.pid).find((pid) => pid !== subject.pid && !ready.includes(pid));
      if (found === undefined) throw new Error("no successor yet");
      return found;
    }, 10_000);
    killIfAlive(starting);
    await twoReady(subject, [ready[0]!, starting]);
  },
);

async function twoReady(subject: Subject, dead: readonly number[]): Promise<void> {
  await vi.waitFor(async () => {
    const pids = await subject.workerPids();
    expect(pids.filter((pid) => !dead.includes(pid))).toHaveLength(2);
  }, 20_000);
}

test("the generator counts answers, of one request and then of another", async () => {
  await using subject = await startSubject(setup, "reuse-port", "http", { workers: 1 });
  const options: RequestLoadOptions = { port: subject.port, connections: 3 };
  const script = new URL("./supervisor/request-load.ts", import.meta.url);
  const { child } = await startChild(script, options);
  onTestFinished(() => child.end());
  for (const path of ["/", "/work"]) {
    const run: RequestLoadRun = { path, ms: 100 };
    const { answered, seconds } = await child.ask<RequestLoadResult>(run);
    expect(answered).toBeGreaterThan(3);
    expect(seconds).toBeGreaterThanOrEqual(0.1);
  }
});
