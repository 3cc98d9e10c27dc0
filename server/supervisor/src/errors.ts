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
