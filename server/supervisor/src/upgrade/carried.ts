// What goes from a program to the one that takes its place in the same process: numbers of descriptors, and what they are.
import fs from "node:fs";

import type { SlotListener } from "../slots.ts";
import type { SocketFile } from "../unix-socket.ts";
import { closeFd, openMemoryFile, setCloseOnExec } from "../syscalls.ts";

/** A worker process, and its control channel. */
export interface CarriedWorker {
  pid: number;
  generation: number;
  state: "starting" | "ready" | "draining";
  joined: boolean;
  connections: number;
  /** ISO 8601. */
  startTime: string;
  /** How long it is ready, in milliseconds. */
  livedMs: number;
  adopted: number[];
  /** Undefined if it is closed. */
  controlFd: number | undefined;
  /** The beginning of a line, in base64. */
  rest: string;
  killedFor: string;
  fatal: string;
}

export interface CarriedSlot {
  generation: number;
  failures: number;
  deaths: number;
  adopter: number | undefined;
  worker: CarriedWorker | undefined;
  predecessor: CarriedWorker | undefined;
}

/** The control socket, and those who ask there. */
export interface CarriedControl {
  path: string;
  fd: number;
  file: SocketFile;
  connections: {
    fd: number;
    /** The beginning of a line. */
    rest: string;
    /** Reloads that it waits for. */
    reloads: number;
  }[];
}

/** A file, and the descriptor that holds its lock. */
export interface CarriedFile {
  path: string;
  fd: number;
}

export interface CarriedState {
  v: 1;
  /** Of the first program, in ISO 8601. */
  startTime: string;
  /** When the reload began that it is part of, in milliseconds since 1970. */
  reloadTime: number;
  listeners: readonly SlotListener[];
  slots: CarriedSlot[];
  /** How many of the slots have workers; the others are retired. Default: all. */
  workers?: number;
  control: CarriedControl | undefined;
  /** An older program does not say. */
  pidFile?: CarriedFile | undefined;
  lockFile?: CarriedFile | undefined;
}

/** The environment name under which a program finds the descriptor of what is carried to it. */
export const CARRIED_VARIABLE = "FIELDPOST_INTERNAL_CARRIED";

/** All descriptors that go along. */
export function carriedFds({ listeners, slots, control, pidFile, lockFile }: CarriedState): number[] {
  const workers = slots.flatMap(({ worker, predecessor }) => [worker, predecessor]);
  return [
    ...listeners.flatMap(({ fds }) => fds),
    ...workers.flatMap((worker) => worker?.controlFd ?? []),
    ...(control === undefined ? [] : [control.fd, ...control.connections.map(({ fd }) => fd)]),
    ...[pidFile, lockFile].flatMap((file) => file?.fd ?? []),
  ];
}

/** @returns a descriptor to read it from. Not in the environment, which everybody can read, and which is bounded. */
export function writeCarried(state: CarriedState): number {
  const fd = openMemoryFile("fieldpost-supervisor");
  fs.writeSync(fd, JSON.stringify(state), 0);
  return fd;
}

/** What was carried to this program, once; undefined in one that was started otherwise. */
export function takeCarried(env: NodeJS.ProcessEnv): CarriedState | undefined {
  const text = env[CARRIED_VARIABLE];
  if (text === undefined) return undefined;
  delete env[CARRIED_VARIABLE];
  const fd = Number(text);
  const { size } = fs.fstatSync(fd);
  const bytes = Buffer.alloc(size);
  fs.readSync(fd, bytes, 0, size, 0);
  closeFd(fd);
  const state = JSON.parse(bytes.toString()) as CarriedState;
  // Node closes at an exec what it opens itself, and none of these.
  for (const carried of carriedFds(state)) setCloseOnExec(carried, true);
  return state;
}
