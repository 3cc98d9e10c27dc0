/**
 * A relay in processes of its own, as a user starts it, and an HTTP target for its jobs; for the journeys and the demo.
 * Both are disposable: `await using` ends every process by its pid and removes the folder, whatever happened between.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createRelayClient } from "./relay-client.ts";
import type { RelayClient } from "./relay-client.ts";

export const repository = fileURLToPath(new URL("../..", import.meta.url));
export const launcher = join(repository, "server/bin/fieldpost");

/** One line of the relay's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that was started, with its log; nothing is known of whether it serves. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** What it wrote beside the log: lines on standard output that are no JSON, and all of standard error. */
  readonly text: () => string;
  /** The first line with this message, past or future, that fits. Rejects when the program ends without it. */
  line(msg: string, fits?: (line: LogLine) => boolean): Promise<LogLine>;
  /** The first line of text, past or future, that matches. */
  textLine(pattern: RegExp): Promise<RegExpMatchArray>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<Exit>;
  /** Pids of all that it started, itself too, and that still live; also those whose parents are dead. */
  alive(): number[];
  /** Resolves when nothing of it lives any more. */
  gone(): Promise<void>;
}

export interface RelayOptions {
  /** Default 2; null gives no flag, so that a file can say it. */
  readonly workers?: number | null;
  /** More flags of `serve`. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where the store is kept; a new folder, removed at the end, if left out. */
  readonly dir?: string;
  /** Host and port, or unix path; a free port if left out. */
  readonly grpc?: string;
  /** In a process group of its own, whose id is the relay's pid. */
  readonly detached?: boolean;
}

export interface Relay extends Program {
  readonly grpcAddress: string;
  readonly httpUrl: string;
  readonly dir: string;
  readonly store: string;
  readonly client: RelayClient;
  /** By slot, the newest generation that became ready. */
  workerPids(): number[];
  /** The names that the workers have in attempts, by slot. */
  workerNames(): string[];
  /** Sends a signal and waits for the end. @returns the exit code, null if a signal ended it */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a relay and waits until it serves. Rejects with what it wrote if it does not. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const dir = options.dir ?? makeFolder();
  const store = join(dir, "fieldpost.db");
  const args = serveArguments({ ...options, dir });
  const { env = {}, detached = false } = options;
  const program = startProgram(launcher, args, { env, detached });
  try {
    return await toRelay(program, { dir, store, ownsDir: options.dir === undefined });
  } catch (error) {
    await program[Symbol.asyncDispose]();
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** The arguments of `fieldpost` that start a relay on free ports. */
export function serveArguments(options: RelayOptions & { readonly dir: string }): string[] {
  return [
    "serve",
    ...(options.workers === null ? [] : ["--workers", String(options.workers ?? 2)]),
    ...["--store", join(options.dir, "fieldpost.db")],
    ...["--grpc", options.grpc ?? "127.0.0.1:0", "--http", "127.0.0.1:0"],
    ...(options.args ?? []),
  ];
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "fieldpost-test-"));
}

/** Waits until the program serves, however it was started. */
export async function toRelay(
  program: Program,
  { dir, store, ownsDir }: { dir: string; store: string; ownsDir: boolean },
): Promise<Relay> {
  const serving = await program.line("serving");
  // A worker says so itself a moment after the supervisor knows it.
  const { workers } = await program.line("started");
  for (let slot = 0; slot < Number(workers); slot++) {
    await program.line("worker is ready", (line) => line["slot"] === slot);
  }
  const grpcAddress = String(serving["grpc"]);
  const client = createRelayClient(grpcAddress);
  const newest = (): LogLine[] => {
    const bySlot: LogLine[] = [];
    for (const line of program.lines) {
      if (line.msg === "worker is ready") bySlot[Number(line["slot"])] = line;
    }
    return bySlot;
  };
  return {
    ...program,
    grpcAddress,
    httpUrl: `http://${String(serving["http"])}`,
    dir,
    store,
    client,
    workerPids: () => newest().map((line) => Number(line["pid"])),
    workerNames: () => newest().map((line) => String(line["name"])),
    async stop(signal = "SIGTERM") {
      program.signal(signal);
      return (await program.exited).code;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await program[Symbol.asyncDispose]();
      if (ownsDir) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A test that runs out of time disposes of nothing. */
const undisposed = new Set<() => void>();
process.once("exit", () => undisposed.forEach((endAll) => endAll()));

/** Starts any program, and hears what it and all that it starts write. */
export function startProgram(
  command: string,
  args: readonly string[],
  {
    env = {},
    cwd = repository,
    detached = false,
  }: { env?: NodeJS.ProcessEnv; cwd?: string; detached?: boolean } = {},
): Program {
  // Every process below carries this mark in its environment, also one whose parents are dead.
  const mark = randomUUID();
  const child = spawn(command, args, {
    cwd,
    env: { ...cleanEnvironment(), RELAY_UNDER_TEST: mark, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached,
  });
  const log = readLog(child);
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} cannot be started`);
  const alive = (): number[] => pidsWith(`RELAY_UNDER_TEST=${mark}`);
  const endAll = (): void => alive().forEach(killIfAlive);
  undisposed.add(endAll);
  return {
    pid,
    ...log,
    signal: (signal) => void process.kill(pid, signal),
    exited,
    alive,
    gone: () => until(() => alive().length === 0),
    async [Symbol.asyncDispose]() {
      // One that was killed as it started another leaves that other behind: look until nothing is found.
      for (let left = alive(); left.length > 0; left = alive()) {
        for (const one of left) killIfAlive(one);
        await nextLook();
      }
      undisposed.delete(endAll);
      await exited;
    },
  };
}

/** This process's environment without what would change the relay's ways. The tests themselves may run under npm. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(FIELDPOST_|OTEL_|TRACE|NODE_OPTIONS$|npm_|VITEST)/.test(name),
    ),
  );
}

function readLog(child: ChildProcess): Pick<Program, "lines" | "text" | "line" | "textLine"> {
  const lines: LogLine[] = [];
  const texts: string[] = [];
  const looks = new Set<() => void>();
  let open = 2;
  const lookAgain = (): void => {
    for (const look of looks) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    const reader = createInterface({ input: stream });
    reader.on("line", (line) => {
      const parsed = stream === child.stdout ? parseLine(line) : undefined;
      if (parsed === undefined) texts.push(line);
      else lines.push(parsed);
      lookAgain();
    });
    reader.once("close", () => {
      open--;
      lookAgain();
    });
  }
  const text = (): string => texts.join("\n");
  const find = <T>(what: string, search: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = search();
        if (found === undefined && open > 0) return;
        looks.delete(look);
        if (found !== undefined) resolve(found);
        else
          reject(
            new Error(`ended without ${what}:\n${text()}\n${lines.map((l) => JSON.stringify(l)).join("\n")}`),
          );
      };
      looks.add(look);
      look();
    });
  return {
    lines,
    text,
    line: (msg, fits = () => true) =>
      find(`"${msg}"`, () => lines.find((line) => line.msg === msg && fits(line))),
    textLine: (pattern) =>
      find(String(pattern), () => texts.map((line) => pattern.exec(line)).find((match) => match !== null)),
  };
}

function parseLine(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function pidsWith(mark: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter(
      (pid) => pid > 0 && pid !== process.pid && isAlive(pid) && readProc(pid, "environ").includes(mark),
    );
}

/** False for a zombie too: it is dead, only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  const status = readProc(pid, "status");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

const nextLook = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 10));

/** For what nobody tells (the kernel, a job's state): looks again until it is true. The test's timeout ends it. */
export async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isTrue())) await nextLook();
}
