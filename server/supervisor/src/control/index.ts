/**
 * Asking a supervisor over its control socket (`controlPath`), from another process. Loads nothing but Node's own modules.
 *
 * @module
 */
import net from "node:net";

import type { ReloadResult, SupervisorStatus } from "../status.ts";
import { encodeLine, readLines } from "./lines.ts";
import type { ControlRequest } from "./lines.ts";

export type { ReloadResult, SupervisorStatus, WorkerProcess, WorkerStatus } from "../status.ts";

/**
 * Thrown when there is no answer, or one that says no. `code`: UNREACHABLE (nobody listens at the path, or this user may not),
 * CLOSED (the supervisor ended before it answered), or the code of the supervisor's own error, such as RELOAD_FAILED.
 */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Replaces the workers, as `reload()` does; settles when all are replaced. Throws a ControlError. */
export async function requestReload(path: string): Promise<ReloadResult> {
  const { replaced, upgraded, elapsedMs } = (await ask(path, { t: "reload" })) as unknown as ReloadResult;
  return { replaced, upgraded, elapsedMs };
}

/** What `status()` answers. Throws a ControlError. */
export async function requestStatus(path: string): Promise<SupervisorStatus> {
  return (await ask(path, { t: "status" }))["status"] as SupervisorStatus;
}

/** One question on a connection of its own. It may take as long as it takes: a reload waits for workers. */
function ask(path: string, request: ControlRequest): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    let connected = false;
    socket.once("connect", () => {
      connected = true;
      socket.write(encodeLine(request));
    });
    readLines(socket, (answer) => {
      socket.destroy();
      if (answer === undefined) reject(new ControlError("CLOSED", `no supervisor answers at ${path}`));
      else if (answer["t"] === "failed")
        reject(new ControlError(String(answer["code"]), String(answer["message"])));
      else resolve(answer);
    });
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      const [code, what] = connected
        ? ["CLOSED", "the supervisor ended before it answered"]
        : ["UNREACHABLE", `no supervisor answers at ${path}`];
      reject(new ControlError(code, `${what} (${cause.code ?? cause.message})`, { cause }));
    });
    socket.once("close", () => reject(new ControlError("CLOSED", "the supervisor ended before it answered")));
  });
}
