// The number of workers changes while they serve.
import { once } from "node:events";
import { rmSync } from "node:fs";
import net from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import { makeFolder } from "../support/relay.ts";
import { connectAgainAndAgain } from "../support/short-connections.ts";
import { eventually, startSupervised } from "./harness.ts";
import type { Supervised } from "./harness.ts";
import { release, startReleases } from "./releases.ts";

/** Settles when all have been replaced. */
async function resize(supervised: Supervised, workers: number): Promise<void> {
  const before = supervised.events.filter(({ msg }) => msg === "reloaded").length;
  await supervised.ask({ ask: "update", changes: { workers } }, "updated");
  await eventually(() => supervised.events.filter(({ msg }) => msg === "reloaded").length > before);
}

/** Settles when those that were replaced or taken away have ended: until then each has its channel. */
const settled = (supervised: Supervised, workers: number): Promise<void> =>
  eventually(async () => {
    const all = (await supervised.status()).workers;
    return all.length === workers && all.every(({ predecessor }) => predecessor === undefined);
  });

const states = async ({ status }: Supervised): Promise<unknown> =>
  (await status()).workers.map(({ slot, generation, state }) => [slot, generation, state]);

/** Greets and ends. */
const greeter = { worker: "failing-worker", args: ["never", "1000"], canaryMs: 0 };

describe("another number of workers", () => {
  it("loses no connection, growing or shrinking", async () => {
    const supervised = await startSupervised({ ...greeter, workers: 2 });
    const load = connectAgainAndAgain(supervised.target, 16);
    await resize(supervised, 4);
    await resize(supervised, 1);
    await resize(supervised, 3);
    const { served, failures, by } = await load.stop();
    expect(failures).toEqual({});
    expect(served).toBeGreaterThan(200);
    // Slot 2 goes on where it had ended.
    expect([...by].toSorted()).toEqual([
      "0.1",
      "0.2",
      "0.3",
      "0.4",
      "1.1",
      "1.2",
      "1.3",
      "2.1",
      "2.2",
      "3.1",
    ]);
    await eventually(async () => (await supervised.status()).workers.length === 3);
    expect(await states(supervised)).toEqual([
      [0, 4, "ready"],
      [1, 3, "ready"],
      [2, 2, "ready"],
    ]);
  });

  it("serves what is queued for a worker that is taken away, and what comes to its slot later", async () => {
    const supervised = await startSupervised({ ...greeter, workers: 2, watchdogMs: 0 });
    const victim = supervised.workerPids[1]!;
    process.kill(victim, "SIGSTOP");
    const sockets = Array.from({ length: 40 }, () => net.connect(supervised.target));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    const greetings = sockets.map((socket) => once(socket, "data"));
    await resize(supervised, 1);
    expect((await Promise.all(greetings)).map(([line]) => String(line)[0])).not.toContain("1");
    expect(await states(supervised)).toEqual([
      [0, 2, "ready"],
      [1, 1, "retired"],
    ]);
    process.kill(victim, "SIGCONT");
    await eventually(async () => (await supervised.status()).workers.length === 1);
    const load = connectAgainAndAgain(supervised.target, 8);
    await load.reached(200);
    expect(await load.stop()).toMatchObject({ failures: {}, by: new Set(["0.2"]) });
  });

  it("leaves no descriptor behind", async () => {
    const supervised = await startSupervised({ ...greeter, workers: 2 });
    const count = async (): Promise<unknown> => (await supervised.ask({ ask: "fds" }, "fds")).count;
    await resize(supervised, 4);
    await resize(supervised, 2);
    await settled(supervised, 2);
    const before = await count();
    for (const workers of [3, 1, 4, 2]) await resize(supervised, workers);
    await settled(supervised, 2);
    await eventually(async () => (await count()) === before);
  });

  it("that cannot all start leaves those that can, and goes on trying", async () => {
    const supervised = await startSupervised({ worker: "failing-worker", args: ["slot-2"], workers: 2 });
    await supervised.ask({ ask: "update", changes: { workers: 3 } }, "updated");
    await supervised.event("log", ({ msg, slot }) => msg === "reload failed" && slot === 2);
    await supervised.event("log", ({ msg, slot }) => msg === "worker starts later" && slot === 2);
    const load = connectAgainAndAgain(supervised.target, 8);
    await load.reached(200);
    expect(await load.stop()).toMatchObject({ failures: {}, by: new Set(["0.2", "1.2"]) });
  });

  it("works on a unix socket, too", async () => {
    const folder = makeFolder();
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const listeners = [{ name: "main", address: `unix:${folder}/s` }];
    const supervised = await startSupervised({ ...greeter, listeners });
    const load = connectAgainAndAgain(supervised.target, 8);
    await resize(supervised, 3);
    await resize(supervised, 1);
    expect(await load.stop()).toMatchObject({ failures: {} });
  });

  it("is refused like the first one", async () => {
    const supervised = await startSupervised({ ...greeter, workers: 1 });
    const refused = await supervised.ask({ ask: "update", changes: { workers: 0 } }, "updated");
    expect(refused.message).toContain('workers must be "auto" or 1 to 1024, not 0');
  });

  it("is what a new version of the program says", async () => {
    const deployed = await startReleases(release("1"));
    const load = connectAgainAndAgain(deployed.target, 8);
    for (const [index, workers] of [3, 1, 2].entries()) {
      deployed.deploy(`v${index}`, release(`v${index}`, { workers }));
      expect(await deployed.reload()).toMatchObject({ upgraded: true, replaced: workers });
      await eventually(() => deployed.children().length === workers);
    }
    expect(await load.stop()).toMatchObject({ failures: {} });
  });
});
