// A program with releases side by side, of which a symlink names the current one: how deployments switch versions.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { onTestFinished } from "vitest";

import { requestReload, requestStatus } from "@fieldpost/supervisor/control";
import type { ReloadResult, SupervisorStatus } from "@fieldpost/supervisor";
import { endMarked, eventually, readProc, targetOf } from "./harness.ts";

const repository = path.resolve(import.meta.dirname, "../..");

/** What a release is made of: TypeScript. */
export interface Release {
  main: string;
  worker: string;
}

/**
 * One that serves: each connection gets slot, generation and version.
 *
 * @param options more of `startSupervisor`
 * @param endsAfterMs how soon a connection is ended on which nothing comes
 */
export function release(
  version: string,
  options: Readonly<Record<string, unknown>> = {},
  endsAfterMs = 5,
): Release {
  return {
    main: `
      import { startSupervisor } from "@fieldpost/supervisor";
      const [address, controlPath] = process.argv.slice(2);
      const supervisor = await startSupervisor({
        listeners: [{ name: "tcp", address: address! }],
        workerModule: new URL("./worker.ts", import.meta.url),
        workers: 2, canaryMs: 50, controlPath: controlPath!, version: "${version}",
        ...${JSON.stringify(options)},
      });
      process.exit(await supervisor.done);
    `,
    worker: `
      import { joinSupervisor, listen } from "@fieldpost/supervisor/worker";
      const worker = await joinSupervisor();
      const serving = await listen(worker.listener("tcp"), (socket) => {
        socket.on("error", () => {});
        socket.write(worker.slot + " " + worker.generation + " ${version}\\n");
        // One that stays says so.
        const timer = setTimeout(() => socket.end(), ${endsAfterMs});
        socket.on("data", (data) => { clearTimeout(timer); socket.write(data); });
      });
      worker.onDrain((deadlineMs) => serving.drain(deadlineMs));
      worker.ready();
    `,
  };
}

export interface Deployed {
  readonly pid: number;
  readonly target: ReturnType<typeof targetOf>;
  readonly controlPath: string;
  /** All that it wrote. */
  readonly output: () => string;
  /** Puts a release beside the others, and makes it the current one. */
  deploy(name: string, release: Release): void;
  /** Asks for a reload over the control socket. */
  reload(): Promise<ReloadResult>;
  status(): Promise<SupervisorStatus>;
  signal(signal: NodeJS.Signals): void;
  /** Its open descriptors, and the processes whose parent it is, with their state. */
  descriptors(): number;
  children(): { pid: number; state: string }[];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * Starts the first release, and waits until it serves.
 *
 * @param log the file that it writes to, if it does
 */
export async function startReleases(first: Release, log?: string): Promise<Deployed> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fieldpost-releases-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  fs.symlinkSync(path.join(repository, "node_modules"), path.join(folder, "node_modules"));
  const deploy = (name: string, { main, worker }: Release): void => {
    fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(path.join(folder, name, "main.ts"), main);
    fs.writeFileSync(path.join(folder, name, "worker.ts"), worker);
    fs.symlinkSync(name, path.join(folder, "current.new"));
    fs.renameSync(path.join(folder, "current.new"), path.join(folder, "current"));
  };
  deploy("first", first);
  const controlPath = path.join(folder, "control");
  const mark = randomUUID();
  const env = { ...process.env };
  delete env["npm_lifecycle_event"];
  const current = path.join(folder, "current");
  const child = spawn(
    process.execPath,
    ["--conditions=@fieldpost/source", path.join(current, "main.ts"), "127.0.0.1:0", controlPath],
    {
      cwd: current,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, PWD: current, SUPERVISOR_TEST: mark },
    },
  );
  onTestFinished(() => endMarked(mark));
  let written = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (written += String(chunk)));
  const output = (): string => written + (log === undefined ? "" : readProc(log));
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  const hasFailed = (): boolean => (child.exitCode ?? 0) !== 0;
  await eventually(() => output().includes("supervisor: started") || hasFailed());
  if (hasFailed()) throw new Error(output());
  // One that goes into the background has another pid than what was started.
  const { listeners, pid } = await requestStatus(controlPath);
  return {
    pid,
    target: targetOf(listeners[0]!.address),
    controlPath,
    output,
    deploy,
    reload: () => requestReload(controlPath),
    status: () => requestStatus(controlPath),
    signal: (signal) => void process.kill(pid, signal),
    descriptors: () => fs.readdirSync(`/proc/${pid}/fd`).length,
    children: () => childrenOf(pid),
    exited,
  };
}

export function childrenOf(parent: number): { pid: number; state: string }[] {
  return fs.readdirSync("/proc").flatMap((entry) => {
    const [, state, ppid] = /\) (\S) (\d+)/.exec(readProc(`/proc/${entry}/stat`)) ?? [];
    return state !== undefined && Number(ppid) === parent ? [{ pid: Number(entry), state }] : [];
  });
}
