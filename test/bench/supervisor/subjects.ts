// Starts the subjects of the bench, and knows their processes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { requestReload, requestStatus } from "@fieldpost/supervisor/control";

import type { Protocol } from "./serve.ts";

export type Kind = "supervisor" | "reuse-port" | "cluster";

/** Processes that serve on one port. Dispose of them. */
export interface Subject extends AsyncDisposable {
  readonly kind: Kind;
  readonly port: number;
  readonly pid: number;
  /** From the spawn until it serves, in milliseconds. */
  readonly startMs: number;
  /** Puts a new process in the place of each worker; settles when they serve. */
  replace(): Promise<void>;
  workerPids(): Promise<number[]>;
}

export async function startSubject(
  kind: Kind,
  protocol: Protocol,
  { workers = 2, crashLoop = false, port = 0 }: { workers?: number; crashLoop?: boolean; port?: number } = {},
): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  const control = join(dir, "control");
  const name = kind === "supervisor" ? "supervised" : "plain";
  const args =
    kind === "supervisor" ? [protocol, `${workers}`, `${port}`, control] : [kind, protocol, `${workers}`];
  const program = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const startTime = performance.now();
  const child = spawn(
    process.execPath,
    ["--conditions=@fieldpost/source", program, ...args, ...(crashLoop ? ["crash-loop"] : [])],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) throw new Error(`${kind} did not start`);
  const pid = child.pid!;
  return {
    kind,
    pid,
    port: Number(first.value),
    startMs: performance.now() - startTime,
    async replace() {
      if (kind === "supervisor") await requestReload(control);
      else {
        child.stdin.write("replace\n");
        await lines.next();
      }
    },
    async workerPids() {
      if (kind !== "supervisor") return childrenOf(pid);
      const { workers } = await requestStatus(control);
      return workers.flatMap(({ pid, state }) => (pid !== undefined && state === "ready" ? [pid] : []));
    },
    async [Symbol.asyncDispose]() {
      const pids = childrenOf(pid);
      child.kill("SIGKILL");
      await exited;
      for (const worker of pids) killIfAlive(worker);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** Resident memory, in MiB. */
export function residentMiB(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
