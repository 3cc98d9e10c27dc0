// What the machine around a supervisor is: a container's PID namespace, limits, another operating system.
import { spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";

import { describe, expect, it } from "vitest";

import { lacking } from "../support/lacking.ts";
import { launcher } from "../support/relay.ts";
import {
  eventually,
  example,
  get,
  readProc,
  runFixture,
  statusOf,
  targetOf,
  withDefaults,
} from "./harness.ts";

const asRoot = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
const unshare = ["unshare", ...asRoot, "--pid", "--fork", "--mount-proc", "--kill-child"];
const { status: noNamespace } = spawnSync(unshare[0]!, [...unshare.slice(1), "true"]);
const lacksNamespace =
  noNamespace === 0 ? "" : lacking("a supervisor as process 1", "PID namespaces are not allowed");

describe.skipIf(lacksNamespace !== "")("as process 1 of a container", () => {
  it("ends the zombies that nobody else does, and hears of the end of what it started", async () => {
    const running = runFixture("supervise", withDefaults("http-worker", { canaryMs: 0 }), {}, unshare);
    const { pid, listeners } = statusOf(await running.event("ready"));
    expect(pid).toBe(1);
    const target = targetOf(listeners[0]?.address ?? "");
    const [outerPid] = childrenOf(running.pid);

    for (let i = 0; i < 5; i++) await get(target, "/orphan");
    const orphans = (): number[] => childrenOf(outerPid!).filter((child) => commandOf(child) === "sleep");
    await eventually(() => orphans().length > 0);
    await eventually(() => orphans().length === 0);

    // Its workers are children as well, and so is what it checks a new version with.
    await get(target, "/crash").catch(() => {});
    const died = await running.event("log", ({ msg }) => msg === "worker died");
    expect(died.ending).toBe("SIGKILL");
    expect(await running.ask({ ask: "reload" }, "reloaded")).toMatchObject({ replaced: 2 });
    running.send({ ask: "stop" });
    expect(await running.exited).toEqual({ code: 0, signal: null });
  });
});

describe("the limit of open files", () => {
  it("is raised as far as it may be, for all processes, and told", async () => {
    const limited = ["prlimit", "--nofile=256:3000"];
    const running = runFixture("supervise", withDefaults("http-worker", {}), {}, limited);
    const { maxOpenFiles, workers } = statusOf(await running.event("ready"));
    expect(maxOpenFiles).toBe(3000);
    expect((await running.event("log", ({ msg }) => msg === "started")).maxOpenFiles).toBe(3000);
    for (const { pid } of workers) {
      expect(readProc(`/proc/${pid}/limits`)).toMatch(/^Max open files +3000 +3000 /m);
    }
  });
});

describe("another operating system than Linux", () => {
  const elsewhere = `--import=data:text/javascript,Object.defineProperty(process,%22platform%22,{value:%22darwin%22})`;

  it("is refused by the library in one clear line", () => {
    const args = ["--conditions=@fieldpost/source", example("main")];
    expect(run(process.execPath, args)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^SupervisorError: @fieldpost\/supervisor runs on Linux only, not on darwin$/m,
      ) as string,
    });
  });

  it("is refused by the relay in one clear line, and nothing else", () => {
    expect(run(launcher, ["serve"])).toMatchObject({
      ...{ status: 1, stdout: "" },
      stderr: "fieldpost: @fieldpost/supervisor runs on Linux only, not on darwin\n",
    });
  });

  function run(command: string, args: readonly string[]): SpawnSyncReturns<string> {
    return spawnSync(command, args, {
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: elsewhere },
    });
  }
});

function childrenOf(pid: number): number[] {
  return readProc(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  return readProc(`/proc/${pid}/comm`).trim();
}
