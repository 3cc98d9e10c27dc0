// The supervisor's end of the control socket. Who may open the file may control the supervisor: it is its owner's alone.
import { once } from "node:events";
import net from "node:net";

import { SupervisorError } from "../errors.ts";
import type { ReloadResult, SupervisorStatus } from "../status.ts";
import { BACKLOG } from "../syscalls.ts";
import { openUnix, removeSocketFile } from "../unix-socket.ts";
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
  /** Answers what is under way, then closes everything and removes the file. Can be called again. */
  close: () => void;
}

/** Listens at an absolute path. Throws SupervisorError as `openUnix` does. */
export async function openControl(path: string, actions: ControlActions): Promise<ControlServer> {
  const { fd, file } = await openUnix(path, OWNER_ONLY);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Whoever asked does not wait for the answer any more.
    socket.on("error", () => {});
    readLines(socket, (request) => {
      void answer(request, actions).then((answered) => {
        if (socket.writable) socket.write(encodeLine(answered));
      });
    });
  });
  server.listen({ fd }, BACKLOG);
  await once(server, "listening");
  return {
    close() {
      if (!server.listening) return;
      removeSocketFile(file);
      server.close();
      for (const socket of sockets) socket.end();
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, LINGER_MS).unref();
    },
  };
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
