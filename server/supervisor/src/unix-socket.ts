// Listening sockets that have a file.
import fs from "node:fs";
import net from "node:net";

import { packUnixAddress } from "./address.ts";
import { bindError, inUse, SupervisorError } from "./errors.ts";
import { BACKLOG, bindSocket, closeFd, listenSocket, openSocket } from "./syscalls.ts";

/** A socket's file, as it was made: another with its name is somebody else's. */
export interface SocketFile {
  path: string;
  dev: number;
  ino: number;
}

/**
 * Listens on a path, in the place of what a killed process left there. `umask` is in force for the moment in which the file is made.
 * Throws ADDRESS_IN_USE if somebody answers there, BIND_FAILED for anything else.
 */
export async function openUnix(path: string, umask?: number): Promise<{ fd: number; file: SocketFile }> {
  await removeStaleSocket(path);
  const fd = openSocket("unix");
  try {
    withUmask(umask, () => bindSocket(fd, packUnixAddress(path)));
    listenSocket(fd, BACKLOG);
    const { dev, ino } = fs.lstatSync(path);
    return { fd, file: { path, dev, ino } };
  } catch (error) {
    closeFd(fd);
    throw bindError(`unix:${path}`, error);
  }
}

/** Removes the socket file that a killed process left behind; refuses if it answers or is something else. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = lookAt(path);
  if (!stat) return;
  if (!stat.isSocket()) {
    throw new SupervisorError("BIND_FAILED", `unix:${path} exists and is not a socket; it is left alone`);
  }
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = net.connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
  });
  if (code === "ECONNREFUSED") fs.rmSync(path, { force: true });
  else if (code === undefined || code === "EAGAIN") throw inUse(`unix:${path}`);
  else if (code !== "ENOENT") throw new SupervisorError("BIND_FAILED", `cannot probe unix:${path}: ${code}`);
}

function lookAt(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new SupervisorError("BIND_FAILED", `cannot listen on unix:${path}: ${why}`, { cause });
  }
}

/** Removes the file, unless a successor has put its own there. */
export function removeSocketFile({ path, dev, ino }: SocketFile): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isSocket() && stat.dev === dev && stat.ino === ino) fs.rmSync(path, { force: true });
}

function withUmask(umask: number | undefined, work: () => void): void {
  if (umask === undefined) return work();
  const before = process.umask(umask);
  try {
    work();
  } finally {
    process.umask(before);
  }
}
