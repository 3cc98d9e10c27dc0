// The supervisor's end of the control socket. Who may open the file may control the supervisor: it is its owner's alone.
import { once } from "node:events";
import net from "node:net";

import { SupervisorError } from "../errors.ts";
import type { ReloadResult, SupervisorStatus } from "../status.ts";
import { BACKLOG, closeFd } from "../syscalls.ts";
import { openUnix, removeSocketFile } from "../unix-socket.ts";
import type { CarriedControl } from "../upgrade/carried.ts";
import { encodeLine, readLines } from "./lines.ts";
import type { ControlAnswer } from "./lines.ts";

/** Leaves the file to its owner: mode 0600. */
const OWNER_ONLY = 0o177;
/** After the end, for answers that are not read. */
const LINGER_MS = 1000;

export interface ControlActions {
  reload: () => Promise<ReloadResult>;
  status: () => SupervisorStatus;
}

export interface ControlServer {
  /** What another program needs to take it over, when all answers have left. Nothing may happen between this and that. */
  carry: () => CarriedControl;
  /** Settles when no answer waits to leave. */
  flushed: () => Promise<void>;
  /** Answers what is under way, then closes everything and removes the file. Can be called again. */
  close: () => void;
}

interface Connection {
  readonly socket: net.Socket;
  readonly rest: () => string;
  /** Answers a request that came before, when that reload has ended. */
  readonly goOn: (reload: Promise<ReloadResult>) => void;
  /** Those that it waits for. */
  reloads: number;
}

/**
 * Listens at an absolute path. Throws SupervisorError as `openUnix` does.
 *
 * @param carried what is open already: taken as it is if its path is the same, otherwise closed. Reloads that its connections wait for
 *   are asked for at once
 */
export async function openControl(
  path: string,
  actions: ControlActions,
  carried?: CarriedControl & { readonly reload: Promise<ReloadResult> | undefined },
): Promise<ControlServer> {
  const known = carried?.path === path ? carried : undefined;
  const { fd, file } = known ?? (await openUnix(path, OWNER_ONLY));
  const connections = new Set<Connection>();
  const serve = (socket: net.Socket, rest = ""): Connection => {
    const connection: Connection = {
      socket,
      reloads: 0,
      rest: readLines(socket, (request) => void respond(request), rest),
      goOn: (reload) => void respond({ t: "reload" }, { ...actions, reload: () => reload }),
    };
    async function respond(
      request: Record<string, unknown> | undefined,
      { reload, status } = actions,
    ): Promise<void> {
      const isReload = request?.["t"] === "reload";
      if (isReload) connection.reloads++;
      const answered = await answer(request, { reload, status });
      if (isReload) connection.reloads--;
      if (socket.writable) socket.write(encodeLine(answered));
    }
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
    // Whoever asked does not wait for the answer any more.
    socket.on("error", () => {});
    return connection;
  };
  const server = net.createServer((socket) => void serve(socket));
  server.listen({ fd }, BACKLOG);
  await once(server, "listening");
  if (carried !== undefined && known === undefined) {
    removeSocketFile(carried.file);
    closeFd(carried.fd);
  }
  for (const { fd: open, rest, reloads } of carried?.connections ?? []) {
    const { goOn } = serve(new net.Socket({ fd: open, readable: true, writable: true }), rest);
    for (let i = 0; i < reloads; i++) goOn(carried?.reload ?? actions.reload());
  }
  return {
    carry: () => ({
      path,
      fd,
      file,
      connections: [...connections]
        .filter(({ socket }) => !socket.destroyed && fdOf(socket) !== undefined)
        .map(({ socket, rest, reloads }) => ({ fd: fdOf(socket)!, rest: rest(), reloads })),
    }),
    async flushed() {
      for (const { socket } of connections) {
        if (socket.writableLength === 0 || !socket.writable) continue;
        await new Promise<void>((resolve) => void socket.write("", () => resolve()));
      }
    },
    close() {
      if (!server.listening) return;
      removeSocketFile(file);
      server.close();
      for (const { socket } of connections) socket.end();
      setTimeout(() => {
        for (const { socket } of connections) socket.destroy();
      }, LINGER_MS).unref();
    },
  };
}

/** Node says it to nobody, and nothing else in a socket does. */
function fdOf(socket: net.Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

async function answer(
  request: Record<string, unknown> | undefined,
  actions: ControlActions,
): Promise<ControlAnswer> {
  switch (request?.["t"]) {
    case "status":
      return { t: "status", status: actions.status() };
    case "reload":
      try {
        return { t: "reloaded", ...(await actions.reload()) };
      } catch (error) {
        const code = error instanceof SupervisorError ? error.code : "RELOAD_FAILED";
        return { t: "failed", code, message: error instanceof Error ? error.message : String(error) };
      }
    default:
      return {
        t: "failed",
        code: "REQUEST_INVALID",
        message: 'a request is a line {"t":"reload"} or {"t":"status"}',
      };
  }
}
