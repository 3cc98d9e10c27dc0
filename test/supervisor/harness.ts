// Starts fixtures as real processes and ends every one of them after the test, by pid, whatever the test did.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import type { SupervisorChanges, SupervisorOptions, SupervisorStatus } from "@fieldpost/supervisor";

/** Whatever a fixture tells; which fields there are depends on the event. */
interface Event {
  event: string;
  status?: SupervisorStatus;
  supervisorPid?: number;
  count?: number;
  code?: string;
  message?: string;
  signal?: string;
  msg?: string;
  slot?: number;
  generation?: number;
  pid?: number;
  ending?: string;
  closed?: number;
  forced?: number;
  replaced?: number;
  cause?: string;
  maxOpenFiles?: number;
  place?: unknown;
}

type Ask =
  | { ask: "status" | "fds" | "stop" | "reload" }
  | { ask: "broadcast"; topic: string; payload: string }
  | { ask: "update"; changes: SupervisorChanges };

export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url));
}

/** A program of the README. */
export function example(name: string): string {
  return fileURLToPath(new URL(`../../server/supervisor/examples/${name}.ts`, import.meta.url));
}

/** A supervisor process as the test sees it. */
export interface Running {
  pid: number;
  events: Event[];
  stderr: () => string;
  /** The next event, past or future, that fits. */
  event: (name: string, fits?: (event: Event) => boolean) => Promise<Event>;
  ask: (request: Ask, answer: string) => Promise<Event>;
  send: (request: Ask) => void;
  status: () => Promise<SupervisorStatus>;
  signal: (signal: NodeJS.Signals) => void;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * Runs a fixture and hears its events. Does not wait for anything.
 *
 * @param wrapper a command that starts it, as `prlimit` and `unshare` do; `pid` is the wrapper's then
 */
export function runFixture(
  name: string,
  argument: unknown,
  env: Record<string, string> = {},
  wrapper: readonly string[] = [],
): Running {
  // Every process below carries this mark in its environment, also one whose parents are dead.
  const mark = randomUUID();
  const inherited = { ...process.env };
  // The tests themselves run under npm as a rule, and this name changes what a supervisor does.
  delete inherited["npm_lifecycle_event"];
  const [command, ...args] = [
    ...wrapper,
    ...[process.execPath, "--conditions=@fieldpost/source", fixture(name)],
    typeof argument === "string" ? argument : JSON.stringify(argument),
  ];
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    env: { ...inherited, SUPERVISOR_TEST: mark, ...env },
  });
  onTestFinished(() => endMarked(mark));
  return watch(child);
}

function watch(child: ChildProcess): Running {
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  let stderr = "";
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  child.on("message", (message: Event) => {
    events.push(message);
    for (const wake of waiting) wake();
  });
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  // Its last messages may be read after its exit; `disconnect` follows them.
  let over = false;
  child.once("disconnect", () => {
    over = true;
    for (const wake of waiting) wake();
  });
  const next = (from: number, name: string, fits: (event: Event) => boolean): Promise<Event> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.slice(from).find((event) => event.event === name && fits(event));
        if (!found && !over) return;
        waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error(`ended without ${name}: ${JSON.stringify(events)} ${stderr}`));
      };
      waiting.add(look);
      look();
    });
  const running: Running = {
    pid: child.pid ?? 0,
    events,
    stderr: () => stderr,
    event: (name, fits = () => true) => next(0, name, fits),
    ask: (request, answer) => {
      const from = events.length;
      child.send(request);
      return next(from, answer, () => true);
    },
    send: (request) => void child.send(request),
    status: async () => statusOf(await running.ask({ ask: "status" }, "status")),
    signal: (signal) => void child.kill(signal),
    exited,
  };
  return running;
}

export function statusOf({ status }: Event): SupervisorStatus {
  if (!status) throw new Error("this event has no status");
  return status;
}

/** A supervisor that is ready, with what a test needs of it at hand. */
export interface Supervised extends Running {
  /** Host and port, or path, of the first listener. */
  target: net.TcpNetConnectOpts | net.IpcNetConnectOpts;
  workerPids: number[];
}

export async function startSupervised(
  options: Omit<SupervisorOptions, "workerModule" | "listeners" | "onSignal" | "logger"> & {
    worker: string;
    listeners?: SupervisorOptions["listeners"];
  },
  env: Record<string, string> = {},
): Promise<Supervised> {
  const { worker, ...rest } = options;
  const running = runFixture("supervise", withDefaults(worker, rest), env);
  const status = statusOf(await running.event("ready"));
  return {
    ...running,
    target: targetOf(status.listeners[0]?.address ?? ""),
    workerPids: status.workers.map(({ pid }) => pid ?? 0),
  };
}

const listenerNames: Record<string, string> = {
  "tcp-worker": "tcp",
  "grpc-worker": "grpc",
};

export function withDefaults(worker: string, options: Partial<SupervisorOptions>): SupervisorOptions {
  const listeners = [{ name: listenerNames[worker] ?? "main", address: "127.0.0.1:0" }];
  return { listeners, workers: 2, workerModule: fixture(worker), ...options };
}

export function targetOf(address: string): Supervised["target"] {
  if (address.startsWith("unix:")) return { path: address.slice("unix:".length) };
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** One GET; on a connection of its own unless an agent is given. */
export function get(
  target: Supervised["target"],
  path: string,
  agent: http.Agent | false = false,
): Promise<Answer> {
  const where = "path" in target ? { socketPath: target.path } : { host: target.host, port: target.port };
  return new Promise((resolve, reject) => {
    http
      .get({ ...where, path, agent }, (response) => void readAnswer(response).then(resolve, reject))
      .on("error", reject);
  });
}

export async function getJson<T>(target: Supervised["target"], path: string): Promise<T> {
  const value: T = JSON.parse((await get(target, path)).body);
  return value;
}

export async function readAnswer(response: http.IncomingMessage): Promise<Answer> {
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** An open connection and its first line, as tcp-worker greets. */
export async function greet(
  target: Supervised["target"],
): Promise<{ socket: net.Socket; slot: number; generation: number; pid: number }> {
  const socket = net.connect(target);
  onTestFinished(() => void socket.destroy());
  const line: unknown = (await once(socket, "data"))[0];
  const [slot = -1, generation = -1, pid = -1] = String(line).trim().split(" ").map(Number);
  return { socket, slot, generation, pid };
}

/** Waits until nobody listens there any more. */
export async function refused(target: Supervised["target"]): Promise<void> {
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = net.connect(target);
        socket.once("connect", () => {
          socket.destroy();
          resolve(false);
        });
        socket.once("error", (error: NodeJS.ErrnoException) =>
          resolve(error.code === "ECONNREFUSED" || error.code === "ENOENT"),
        );
      }),
  );
}

/** For what the kernel does not tell: looks again until it is true. The test's own timeout ends it. */
export async function eventually(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isTrue())) await delay(10);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie is dead; only its parent has not looked yet.
  return !/^State:\s+Z/m.test(readProc(`/proc/${pid}/status`));
}

export async function gone(pids: readonly number[]): Promise<void> {
  await eventually(() => !pids.some(isAlive));
}

export function readProc(path: string): string {
  try {
    return fs.readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

export function endMarked(mark: string): void {
  for (const entry of fs.readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (!readProc(`/proc/${pid}/environ`).includes(`SUPERVISOR_TEST=${mark}`)) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}
