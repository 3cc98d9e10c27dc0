// A new version of the program takes the place of the old one, in the same process.
import { once } from "node:events";
import net from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import { connectAgainAndAgain } from "../support/short-connections.ts";
import { eventually } from "./harness.ts";
import { release, startReleases } from "./releases.ts";
import type { Deployed, Release } from "./releases.ts";

/** Upgrades after which nothing may be left over, and so many reloads more. The numbers are 30 and 100. */
const upgrades = Number(process.env["FIELDPOST_UPGRADES"] ?? 3);
const reloads = Number(process.env["FIELDPOST_UPGRADE_RELOADS"] ?? 2);
const timeoutMs = 60_000 + (upgrades + reloads) * 10_000;

const generations = async ({ status }: Deployed): Promise<unknown> =>
  (await status()).workers.map(({ generation, state }) => [generation, state]);

/** Until what was replaced has ended. */
const settled = ({ children }: Deployed): Promise<void> => eventually(() => children().length === 2);

describe("an upgrade", () => {
  it("puts the version that `current` leads to into the same process, and loses no connection", async () => {
    const deployed = await startReleases(release("1"));
    const { startTime } = await deployed.status();
    const load = connectAgainAndAgain(deployed.target, 16);
    for (let version = 2; version <= 4; version++) {
      deployed.deploy(`v${version}`, release(String(version)));
      expect(await deployed.reload()).toMatchObject({ replaced: 2, upgraded: true });
      expect(await deployed.status()).toMatchObject({
        pid: deployed.pid,
        version: String(version),
        startTime,
      });
    }
    const { failures, by, served } = await load.stop();
    expect(failures).toEqual({});
    expect(served).toBeGreaterThan(100);
    expect([...by].toSorted()).toEqual(["0.1", "0.2", "0.3", "0.4", "1.1", "1.2", "1.3", "1.4"]);
    await settled(deployed);
    deployed.signal("SIGTERM");
    expect(await deployed.exited).toEqual({ code: 0, signal: null });
    expect(deployed.output()).toContain("supervisor: stopped exitCode=0");
  });

  it("happens only if the program of the supervisor is another one", async () => {
    const deployed = await startReleases(release("1"));
    expect(await deployed.reload()).toMatchObject({ replaced: 2, upgraded: false });
    const next = release("1");
    // A worker of another version is no reason: workers are new in any case.
    deployed.signal("SIGUSR2");
    await eventually(() => deployed.output().split("supervisor: reloaded").length === 3);
    expect(await generations(deployed)).toEqual([
      [3, "ready"],
      [3, "ready"],
    ]);
    expect(deployed.output()).not.toContain("upgrading");
    deployed.deploy("same", next);
    expect(await deployed.reload()).toMatchObject({ replaced: 2, upgraded: true });
  });

  const good = release("2");
  const broken: [string, Release, RegExp][] = [
    ["whose main module has a syntax error", { ...good, main: "const = 1;" }, /SyntaxError/],
    ["whose main module throws", { ...good, main: 'throw new Error("no luck");' }, /no luck/],
    ["that needs a module that is missing", { ...good, main: 'import "absent";' }, /ERR_MODULE_NOT_FOUND/],
    ["that ends at once", { ...good, main: "" }, /ended without a call of startSupervisor/],
    ["with an option that is wrong", release("2", { workers: 0 }), /workers must be/],
    ["whose worker has a syntax error", { ...good, worker: "const = 1;" }, /worker module .*SyntaxError/s],
    ["whose worker throws", { ...good, worker: 'throw new Error("tired");' }, /worker module .*tired/s],
    [
      "whose worker never joins",
      { ...release("2", { readyTimeoutMs: 2000 }), worker: "setInterval(() => {}, 1000);" },
      /did not join: .*not ready within 2000 ms/,
    ],
    [
      "that never comes to its start",
      { ...good, main: "setInterval(() => {}, 1000);" },
      /not done within 6000 ms/,
    ],
  ];
  it.each(broken)("to a version %s is refused, and all serve on as they were", async (_, version, why) => {
    const deployed = await startReleases(release("1", { readyTimeoutMs: 3000 }));
    deployed.deploy("broken", version);
    await expect(deployed.reload()).rejects.toThrow(why);
    expect(await deployed.status()).toMatchObject({ version: "1", phase: "running" });
    expect(await generations(deployed)).toEqual([
      [1, "ready"],
      [1, "ready"],
    ]);
    await settled(deployed);
    deployed.deploy("good", good);
    expect(await deployed.reload()).toMatchObject({ upgraded: true });
    expect(await deployed.status()).toMatchObject({ pid: deployed.pid, version: "2" });
  });

  const join =
    'import { joinSupervisor } from "@fieldpost/supervisor/worker"; const worker = await joinSupervisor();';
  const late: [string, string, RegExp][] = [
    ["is never ready", `${join} setInterval(() => {}, 1000);`, /not ready within/],
    ["dies before it is ready", `${join} throw new Error("at last");`, /at last/],
    ["dies after it is ready", `${good.worker} setTimeout(() => process.exit(3), 10);`, /exit code 3/],
  ];
  it.each(late)("to a version whose worker %s keeps the old workers", async (_, worker, why) => {
    const deployed = await startReleases(release("1"));
    const load = connectAgainAndAgain(deployed.target, 8);
    deployed.deploy("broken", { ...release("2", { readyTimeoutMs: 3000, canaryMs: 500 }), worker });
    await expect(deployed.reload()).rejects.toThrow(why);
    expect(await deployed.status()).toMatchObject({ version: "2", phase: "running" });
    expect(await generations(deployed)).toEqual([
      [1, "ready"],
      [1, "ready"],
    ]);
    deployed.deploy("good", release("3"));
    expect(await deployed.reload()).toMatchObject({ upgraded: true });
    // Of those that the broken worker had accepted when it died, nobody can say anything.
    const { served } = await load.stop();
    expect(served).toBeGreaterThan(20);
    expect(await deployed.status()).toMatchObject({ pid: deployed.pid, version: "3" });
  });

  it("answers a thousand that ask for it at the same time", async () => {
    const deployed = await startReleases(release("1"));
    deployed.deploy("later", release("2"));
    const answers = await Promise.all(Array.from({ length: 1000 }, () => deployed.reload()));
    expect(answers.filter(({ replaced }) => replaced === 2)).toHaveLength(1000);
    expect(await deployed.status()).toMatchObject({ version: "2" });
    expect(deployed.output().split("supervisor: upgrading")).toHaveLength(2);
  });

  it("hears signals that come while the modules of the new version are loaded", async () => {
    const deployed = await startReleases(release("1"));
    const { main, worker } = release("2");
    const early = 'if (process.env.FIELDPOST_INTERNAL_CARRIED) process.kill(process.pid, "SIGUSR2");';
    deployed.deploy("later", { main: `${early}${main}`, worker });
    expect(await deployed.reload()).toMatchObject({ upgraded: true });
    await eventually(() => deployed.output().split("supervisor: reloaded").length === 3);
    expect(deployed.output()).toContain('supervisor: reload asked for cause="SIGUSR2"');
    expect(await generations(deployed)).toEqual([
      [3, "ready"],
      [3, "ready"],
    ]);
  });

  it("leaves connections alone that old workers have, and ends their processes", async () => {
    // The client may be slow to say that it stays.
    const deployed = await startReleases(release("1", {}, 60_000));
    const socket = net.connect(deployed.target);
    onTestFinished(() => void socket.destroy());
    const [greeting] = (await once(socket, "data")) as [Buffer];
    expect(String(greeting)).toMatch(/^\d 1 1\n$/);
    socket.write("stay");
    await once(socket, "data");
    deployed.deploy("later", release("2"));
    await deployed.reload();
    await eventually(() => deployed.children().length === 3);
    socket.write("still there?");
    expect(String((await once(socket, "data"))[0])).toBe("still there?");
    socket.destroy();
    await settled(deployed);
  });

  it("goes on to look after workers that it has taken over", async () => {
    // Its own workers cannot be replaced, so that the old ones stay.
    const deployed = await startReleases(release("1"));
    deployed.deploy("stuck", {
      ...release("2", { readyTimeoutMs: 3000 }),
      worker: `${join} throw new Error("no");`,
    });
    await expect(deployed.reload()).rejects.toThrow("no");
    const [victim] = (await deployed.status()).workers;
    deployed.deploy("later", release("3"));
    process.kill(victim!.pid!, "SIGKILL");
    await eventually(() => /worker died .*SIGKILL/.test(deployed.output()));
    expect(deployed.children().filter(({ state }) => state === "Z")).toEqual([]);
    // The other one serves for both.
    const load = connectAgainAndAgain(deployed.target, 4);
    await load.reached(50);
    expect(await load.stop()).toMatchObject({ failures: {} });
    await deployed.reload();
    expect(await deployed.status()).toMatchObject({ version: "3", phase: "running" });
    await settled(deployed);
  });

  it(
    `leaves no process and no descriptor behind, after ${upgrades} of them and ${reloads} reloads`,
    async () => {
      const deployed = await startReleases(release("0", { canaryMs: 0 }));
      let before = 0;
      for (let version = 1; version <= upgrades + 1; version++) {
        deployed.deploy(`v${version}`, release(String(version), { canaryMs: 0 }));
        expect(await deployed.reload()).toMatchObject({ upgraded: true });
        await settled(deployed);
        if (version === 1) before = deployed.descriptors();
      }
      for (let i = 0; i < reloads; i++) expect(await deployed.reload()).toMatchObject({ upgraded: false });
      await settled(deployed);
      await eventually(() => deployed.descriptors() === before);
      expect(deployed.children().map(({ state }) => state)).not.toContain("Z");
      expect(await deployed.status()).toMatchObject({ pid: deployed.pid, version: String(upgrades + 1) });
    },
    timeoutMs,
  );
});
