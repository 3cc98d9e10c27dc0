// The sockets: one per slot and TCP listener, one per unix listener. They are bound, listening and never accepted on here, and they
// stay open until the supervisor ends: what the kernel has queued on one outlives any worker.
import dns from "node:dns/promises";
import net from "node:net";

import { formatAddress, packSocketAddress, parseAddress } from "./address.ts";
import { bindError, SupervisorError } from "./errors.ts";
import {
  BACKLOG,
  bindSocket,
  boundPort,
  closeFd,
  listenSocket,
  openSocket,
  setDualStack,
  setReuseAddress,
  setReusePort,
} from "./syscalls.ts";
import type { Logger } from "./options.ts";
import { openUnix, removeSocketFile } from "./unix-socket.ts";
import type { SocketFile } from "./unix-socket.ts";

/** A listener with its open sockets. */
export interface SlotListener {
  name: string;
  /** As it was asked for. */
  requested: string;
  /** The real address: IP instead of name, port instead of 0. */
  address: string;
  /** One for each slot, also for those that have no worker any more; a single one, shared by all workers, on a unix socket. */
  fds: readonly number[];
  /** Of a unix socket. */
  file: SocketFile | undefined;
}

export interface Slots {
  listeners: readonly SlotListener[];
  /** Closes the supervisor's descriptors and removes its socket files. Can be called again. */
  close: () => void;
}

/**
 * Opens every socket, or none: on an error those that were opened are closed. Throws SupervisorError.
 *
 * @param carried listeners that are open already: one with the same name and address is taken as it is, the others are closed
 */
export async function openSlots(
  listeners: readonly { name: string; address: string }[],
  workers: number,
  carried: readonly SlotListener[] = [],
): Promise<Slots> {
  const open: SlotListener[] = [];
  const opened: SlotListener[] = [];
  try {
    for (const { name, address: requested } of listeners) {
      const known = carried.find((listener) => listener.name === name && listener.requested === requested);
      if (known !== undefined) open.push(known);
      else {
        const listener = { name, requested, ...(await openListener(requested, workers)) };
        open.push(listener);
        opened.push(listener);
      }
    }
  } catch (error) {
    closeAll(opened);
    throw error;
  }
  closeAll(carried.filter((listener) => !open.includes(listener)));
  return keepSlots(open);
}

/**
 * Opens what is missing for so many workers. Such a socket is bound but does not listen: its own worker does that when it is ready, so
 * that no connection waits for it. Sockets beyond the number stay. Throws SupervisorError, and then nothing has changed.
 */
export function growSlots(slots: Slots, workers: number, logger: Logger): Slots {
  const added: number[] = [];
  const grow = (listener: SlotListener): SlotListener => {
    const parsed = parseAddress(listener.address);
    const before = added.length;
    if (parsed.kind !== "tcp") return listener;
    try {
      for (let slot = listener.fds.length; slot < workers; slot++) {
        openTcpSocket(parsed.host, parsed.port, "group", added);
      }
    } catch (error) {
      for (const fd of added) closeFd(fd);
      const failure = bindError(listener.address, error);
      logger.error("cannot add workers", { workers, error: String(failure) });
      throw failure;
    }
    return { ...listener, fds: [...listener.fds, ...added.slice(before)] };
  };
  return keepSlots(slots.listeners.map(grow));
}

/** Sockets that are open already. */
export function keepSlots(listeners: readonly SlotListener[]): Slots {
  const open = [...listeners];
  return { listeners, close: () => closeAll(open.splice(0)) };
}

function closeAll(listeners: readonly SlotListener[]): void {
  for (const { fds, file } of listeners) {
    if (file !== undefined) removeSocketFile(file);
    for (const fd of fds) closeFd(fd);
  }
}

type Opened = Pick<SlotListener, "address" | "fds" | "file">;

async function openListener(requested: string, workers: number): Promise<Opened> {
  const parsed = parseAddress(requested);
  if (parsed.kind === "tcp") return openTcp(parsed.host, parsed.port, workers);
  const { fd, file } = await openUnix(parsed.path);
  return { address: requested, fds: [fd], file };
}

async function openTcp(host: string, port: number, workers: number): Promise<Opened> {
  const ip = await resolveHost(host, port);
  const fds: number[] = [];
  try {
    // The first socket asks for the port without SO_REUSEPORT, so that listen() refuses it if anybody listens there, even a second
    // supervisor, which would otherwise share the port in silence. It joins the group only once the port is ours: no moment
    // lies between asking and having, as it would with a probe that is closed again.
    const first = openTcpSocket(ip, port, "exclusive", fds);
    listenSocket(first, BACKLOG);
    setReusePort(first);
    const realPort = boundPort(first);
    for (let slot = 1; slot < workers; slot++) {
      listenSocket(openTcpSocket(ip, realPort, "group", fds), BACKLOG);
    }
    return { address: formatAddress({ kind: "tcp", host: ip, port: realPort }), fds, file: undefined };
  } catch (error) {
    for (const fd of fds) closeFd(fd);
    throw bindError(formatAddress({ kind: "tcp", host, port }), error);
  }
}

function openTcpSocket(ip: string, port: number, mode: "exclusive" | "group", fds: number[]): number {
  const fd = openSocket(net.isIPv6(ip) ? "ipv6" : "ipv4");
  fds.push(fd);
  setReuseAddress(fd); // or the TIME_WAIT of yesterday's connections would refuse a restart
  if (net.isIPv6(ip)) setDualStack(fd);
  if (mode === "group") setReusePort(fd);
  bindSocket(fd, packSocketAddress(ip, port));
  return fd;
}

async function resolveHost(host: string, port: number): Promise<string> {
  if (net.isIP(host)) return host;
  try {
    return (await dns.lookup(host, { order: "ipv4first" })).address;
  } catch (cause) {
    throw new SupervisorError("ADDRESS_INVALID", `cannot resolve the host of ${host}:${port}`, { cause });
  }
}
