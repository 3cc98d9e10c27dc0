// Starts the subjects of the bench, and knows their processes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { requestReload, requestStatus } from "@fieldpost/supervisor/control";

import { descendants } from "../processes.ts";
import type { Protocol } from "./programs/serve.ts";
import { STEPS_VARIABLE } from "./programs/work.ts";

export const kinds = ["supervisor", "reuse-port", "cluster"] as const;
export type Kind = (typeof kinds)[number];

/** What all subjects of a run have in common. */
export interface Setup {
  /** The folder of the compiled programs. */
  readonly programs: URL;
  /** Of the work that one request costs. */
  readonly steps: number;
}

/** Processes that serve on one port. Dispose of them. */
export interface Subject extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** From the spawn until it serves, in milliseconds. */
  readonly startMs: number;
  /** Puts a new process in the place of each worker; settles when they serve. */
  replace(): Promise<void>;
  /** Of the workers that are ready. */
  workerPids(): Promise<number[]>;
}

export interface SubjectOptions {
  workers?: number;
  /** No process but the first one starts in one of the workers' places. */
  crashLoop?: boolean;
  port?: number;
}

/** What a subject can be asked for. */
type Controls = Pick<Subject, "replace" | "workerPids">;

export async function startSubject(
  { programs, steps }: Setup,
  kind: Kind,
  protocol: Protocol,
  { workers = 2, crashLoop = false, port = 0 }: SubjectOptions = {},
): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  const controlPath = join(dir, "control");
  const own = kind === "supervisor" ? [controlPath] : [kind];
  const program = new URL(kind === "supervisor" ? "supervised.js" : "plain.js", programs);
  const common = [protocol, `${workers}`, `${port}`, ...(crashLoop ? ["crash-loop"] : [])];
  const startTime = performance.now();
  const child = spawn(process.execPath, [fileURLToPath(program), ...own, ...common], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, [STEPS_VARIABLE]: String(steps) },
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`${kind} ended`);
    return value;
  };
  const ask = (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    return nextLine();
  };
  return {
    port: Number(await nextLine()),
    pid: child.pid!,
    startMs: performance.now() - startTime,
    ...(kind === "supervisor" ? controlsOfSupervisor(controlPath) : controlsOfPlain(ask)),
    async [Symbol.asyncDispose]() {
      const [, ...below] = descendants(child.pid!);
      child.kill("SIGKILL");
      await exited;
      for (const pid of below) killIfAlive(pid);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function controlsOfSupervisor(controlPath: string): Controls {
  return {
    async replace() {
      await requestReload(controlPath);
    },
    async workerPids() {
      const { workers } = await requestStatus(controlPath);
      return workers.flatMap(({ pid, state }) => (pid !== undefined && state === "ready" ? [pid] : []));
    },
  };
}

function controlsOfPlain(ask: (line: string) => Promise<string>): Controls {
  return {
    async replace() {
      await ask("replace");
    },
    async workerPids() {
      return (await ask("workers")).split(" ").filter(Boolean).map(Number);
    },
  };
}

export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
