import type http from "node:http";
import type http2 from "node:http2";
import type https from "node:https";
import type net from "node:net";
import type tls from "node:tls";

import { keepFresh } from "./certificate.ts";
import type { WatchedCertificate } from "./certificate.ts";
import { Sessions } from "./http2.ts";
import type { Listener, Serving } from "./listen.ts";

// A client may send its next request on a connection that it believes to be kept alive while the server closes it, and gets a
// reset: 709 of 90,000 requests when idle connections are closed at once, none when they get this long (measured over 26 replacements).
const IDLE_GRACE_MS = 1000;
const SWEEP_MS = 100;

export interface HttpOptions {
  /** That of an https or secure http2 server, which is then renewed while it runs. */
  certificate?: WatchedCertificate;
  /**
   * From this age on a connection is ended as in a drain: with its next response (HTTP/1.1), by GOAWAY (HTTP/2). The kernel spreads connections,
   * not load: where clients keep few of them, this spreads them anew. In milliseconds, up to a tenth sooner or later; 0 is never. Default 0.
   */
  maxConnectionAgeMs?: number;
}

type HttpServer = http.Server | https.Server | http2.Http2Server | http2.Http2SecureServer;

/** What is under way on one connection. */
interface Activity {
  requests: number;
  idleSince: number;
  /** More bytes than this mean that a request is coming in, or that the connection was upgraded: not idle. */
  bytesWhenIdle: number;
  /** When it is too old, on the clock of `performance`. */
  endsAt: number;
}

/**
 * Lets a server of `node:http`, `node:https` or `node:http2` listen here; settles when it does. Its drain finishes requests in flight, answers
 * later ones with `Connection: close`, and closes a connection that has been idle for a second; HTTP/2 connections get GOAWAY, by the same rule. Upgraded connections (WebSocket) are the program's to end: what is open at the deadline is cut.
 */
export async function serveHttp(
  server: HttpServer,
  listener: Listener,
  { certificate, maxConnectionAgeMs = 0 }: HttpOptions = {},
): Promise<Serving> {
  const activities = new Map<net.Socket, Activity>();
  const responses = new Set<http.ServerResponse>();
  let draining = false;

  const watch = (socket: net.Socket): Activity => {
    const known = activities.get(socket);
    if (known) return known;
    const now = performance.now();
    const ageMs = maxConnectionAgeMs === 0 ? Infinity : maxConnectionAgeMs * (0.9 + 0.2 * Math.random());
    const activity = {
      requests: 0,
      idleSince: now,
      bytesWhenIdle: socket.bytesRead,
      endsAt: now + ageMs,
    };
    activities.set(socket, activity);
    socket.once("close", () => activities.delete(socket));
    return activity;
  };
  const isTls = "setSecureContext" in server;
  const sessions = isHttp2(server) ? new Sessions(server, maxConnectionAgeMs, IDLE_GRACE_MS) : undefined;
  if (isTls || sessions === undefined) {
    server.prependListener(
      isTls ? "secureConnection" : "connection",
      (socket: net.Socket | tls.TLSSocket) => {
        if (!("alpnProtocol" in socket && socket.alpnProtocol === "h2")) watch(socket);
      },
    );
  }
  server.prependListener("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.httpVersionMajor !== 1) return;
    const { socket } = request;
    const activity = watch(socket);
    activity.requests++;
    responses.add(response);
    if (draining || performance.now() >= activity.endsAt) response.setHeader("Connection", "close");
    response.once("close", () => {
      responses.delete(response);
      activity.requests--;
      activity.idleSince = performance.now();
      activity.bytesWhenIdle = socket.bytesRead;
    });
  });

  const letGo = certificate && isTls ? keepFresh(server, certificate) : undefined;
  const connections = await listener.serve(server);
  return {
    get connections() {
      return connections.size;
    },
    async drain(deadlineMs) {
      draining = true;
      listener.close();
      letGo?.();
      for (const response of responses) if (!response.headersSent) response.setHeader("Connection", "close");
      const startTime = performance.now();
      const graceMs = Math.min(IDLE_GRACE_MS, deadlineMs / 2);
      sessions?.end(graceMs);
      const sweep = setInterval(() => {
        for (const [socket, { requests, idleSince, bytesWhenIdle }] of activities) {
          const idleMs = performance.now() - Math.max(idleSince, startTime);
          if (requests === 0 && idleMs >= graceMs && socket.bytesRead === bytesWhenIdle) socket.destroySoon();
        }
      }, SWEEP_MS);
      try {
        return await connections.drain(deadlineMs, { silentMs: graceMs });
      } finally {
        clearInterval(sweep);
      }
    },
  };
}

function isHttp2(server: HttpServer): server is http2.Http2Server | http2.Http2SecureServer {
  return "updateSettings" in server;
}
