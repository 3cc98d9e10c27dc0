// What can be changed while the supervisor runs.
import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { getJson, gone, greet, isAlive, startSupervised } from "./harness.ts";

describe("update", () => {
  it("gives the new environment to workers that start from then on, and to no other", async () => {
    const supervised = await startSupervised({
      worker: "http-worker",
      workers: 1,
      env: { WORD: "old", KEPT: "1" },
    });
    const wordOf = async (): Promise<string | undefined> =>
      (await getJson<Record<string, string>>(supervised.target, "/env"))["WORD"];
    await supervised.ask({ ask: "update", changes: { env: { WORD: "new", KEPT: "1" } } }, "updated");
    expect(await wordOf()).toBe("old");
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    expect(await wordOf()).toBe("new");
  });

  it("changes how long the next stop may take", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", workers: 1 });
    const { socket } = await greet(supervised.target);
    const closed = once(socket, "close");
    await supervised.ask({ ask: "update", changes: { drainTimeoutMs: 2000 } }, "updated");
    supervised.signal("SIGTERM");
    expect(await supervised.event("log", ({ msg }) => msg === "stopping")).toMatchObject({
      drainTimeoutMs: 2000,
    });
    // Within 30 s, as it was before, this would not come to its end in the time that a test has.
    await closed;
    expect((await supervised.exited).code).toBe(0);
    expect(supervised.events.find(({ msg }) => msg === "worker ended")).toMatchObject({ forced: 1 });
  });

  it("changes it also for workers that outlive the supervisor", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", workers: 2 });
    const { socket } = await greet(supervised.target);
    const closed = once(socket, "close");
    await supervised.ask({ ask: "update", changes: { drainTimeoutMs: 2000 } }, "updated");
    supervised.signal("SIGKILL");
    await closed;
    await gone(supervised.workerPids);
    expect(supervised.workerPids.filter(isAlive)).toEqual([]);
  });

  it("refuses what startSupervisor would refuse, and changes nothing", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    const refused = await supervised.ask(
      { ask: "update", changes: { drainTimeoutMs: 0, env: { WORD: "new" } } },
      "updated",
    );
    expect(refused.message).toContain("drainTimeoutMs must be above 0, not 0");
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    expect(await getJson(supervised.target, "/env")).not.toHaveProperty("WORD");
    supervised.signal("SIGTERM");
    expect(await supervised.event("log", ({ msg }) => msg === "stopping")).toMatchObject({
      drainTimeoutMs: 30_000,
    });
  });
});
