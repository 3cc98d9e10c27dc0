/**
 * A `@grpc/grpc-js` server on an inherited socket. grpc-js itself comes in through the arguments: this module loads nothing of it.
 *
 * @module
 */
import net from "node:net";

import type { Server, ServerCredentials } from "@grpc/grpc-js";

import type { Listener, Serving } from "../worker/listen.ts";

// The injector's own end of grace would send CANCELLED, which no client retries. It is put off for ever (the longest timer there
// is): at the deadline the connections are cut instead, and clients see UNAVAILABLE.
const NEVER_MS = 2 ** 31 - 1;
// A TLS handshake that was under way when the drain began becomes a session only after it.
const REPEAT_MS = 250;
// A connection on which the client has said nothing has no session to send GOAWAY to. One that has just been opened gets this long.
const SILENT_GRACE_MS = 1000;

/**
 * Lets a gRPC server listen here, with TLS or without; settles when it does. grpc-js cannot listen on a descriptor, so the connections are
 * accepted for it. Its drain sends GOAWAY, lets running calls come to their end and cuts what is left at the deadline;
 * a server that has endless streams ends them itself when the drain begins (`onDrain`). Do not call `tryShutdown`:
 * on Node 24 it calls back while calls of an injected connection are still running.
 */
export async function serveGrpc(options: {
  server: Server;
  credentials: ServerCredentials;
  listener: Listener;
}): Promise<Serving> {
  const { server, credentials, listener } = options;
  const injector = server.createConnectionInjector(credentials);
  const sockets = new Set<net.Socket>();
  const acceptor = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  const connections = await listener.serve(acceptor);
  return {
    get connections() {
      return connections.size;
    },
    async drain(deadlineMs) {
      listener.close();
      injector.drain(NEVER_MS);
      const repeat = setInterval(() => injector.drain(NEVER_MS), REPEAT_MS);
      const cutSilent = setTimeout(
        () => {
          for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
        },
        Math.min(SILENT_GRACE_MS, deadlineMs / 2),
      );
      try {
        return await connections.drain(deadlineMs);
      } finally {
        clearInterval(repeat);
        clearTimeout(cutSilent);
      }
    },
  };
}
