import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Logger } from "../telemetry/log.ts";
import { routes } from "./routes.ts";
import type { Answer, HttpContext } from "./routes.ts";

/** google.rpc.Code, as its JSON form has it (AIP-193). */
const NOT_FOUND = 5;
const INTERNAL = 13;
const UNIMPLEMENTED = 12;

/** The HTTP listener; not listening yet. */
export function createHttpServer(context: HttpContext, log: Logger): Server {
  return createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    answer(request, context).then(
      (found) => send(request, response, found),
      (error: unknown) => {
        log.error({ err: error, method: request.method }, "defect: an HTTP request failed");
        send(request, response, failure(500, INTERNAL, "internal error"));
      },
    );
  });
}

async function answer(request: IncomingMessage, context: HttpContext): Promise<Answer> {
  const path = (request.url ?? "/").split("?", 1)[0]!;
  const route = routes.get(path);
  if (route === undefined) return failure(404, NOT_FOUND, "there is no such path");
  if (request.method !== "GET" && request.method !== "HEAD") {
    return failure(405, UNIMPLEMENTED, "this path answers GET and HEAD");
  }
  return route(context);
}

function failure(httpStatus: number, code: number, message: string): Answer {
  return { status: httpStatus, body: { error: { code, message } } };
}

function send(request: IncomingMessage, response: ServerResponse, { status, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : text);
  // What was sent along is of no interest; unread it would hold the connection.
  request.resume();
}
