// The control socket's protocol: one JSON object a line, `{"v":1,"t":...}`, a question and its answer on one connection.
import type net from "node:net";

import type { SupervisorErrorCode } from "../errors.ts";
import type { ReloadResult, SupervisorStatus } from "../status.ts";

export const CONTROL_VERSION = 1;
/** What one line may have, in characters; a longer one ends the connection. */
export const MAX_LINE = 1024 * 1024;

export type ControlRequest = { t: "reload" } | { t: "status" };

export type ControlAnswer =
  | ({ t: "reloaded" } & ReloadResult)
  | { t: "status"; status: SupervisorStatus }
  | { t: "failed"; code: SupervisorErrorCode | "REQUEST_INVALID"; message: string };

export function encodeLine(message: ControlRequest | ControlAnswer): string {
  return `${JSON.stringify({ v: CONTROL_VERSION, ...message })}\n`;
}

/**
 * Calls `onLine` with each line, parsed; undefined for what is no JSON object.
 *
 * @param rest the beginning of a line, as another reader left it
 * @returns the beginning of the line whose end has not come
 */
export function readLines(
  socket: net.Socket,
  onLine: (value: Record<string, unknown> | undefined) => void,
  rest = "",
): () => string {
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) socket.destroy();
    for (const line of lines) onLine(parse(line));
  });
  return () => rest;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
