/** The closed list of reasons for which a supervisor refuses to start, or to reload. */
export type SupervisorErrorCode =
  | "OPTION_INVALID"
  | "ADDRESS_INVALID"
  | "ADDRESS_IN_USE"
  | "BIND_FAILED"
  | "WORKER_FAILED"
  | "RELOAD_FAILED"
  | "STOPPED"
  | "KOFFI_MISSING";

/** Thrown by `startSupervisor` and by `reload`, and with KOFFI_MISSING by importing it; the message is written for the person at the terminal. */
export class SupervisorError extends Error {
  override readonly name = "SupervisorError";
  readonly code: SupervisorErrorCode;

  constructor(code: SupervisorErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Why an address cannot be listened on, in the words for a person; what is no system call's error stays as it is. */
export function bindError(address: string, error: unknown): unknown {
  if (!(error instanceof Error && error.name === "SystemCallError")) return error;
  if ("code" in error && error.code === "EADDRINUSE") return inUse(address, error);
  return new SupervisorError("BIND_FAILED", `cannot listen on ${address}: ${error.message}`, {
    cause: error,
  });
}

export function inUse(address: string, cause?: unknown): SupervisorError {
  return new SupervisorError("ADDRESS_IN_USE", `${address} is already in use by another process`, { cause });
}
