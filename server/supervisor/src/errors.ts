/** The closed list of reasons for which a supervisor refuses to start, or to reload. */
export type SupervisorErrorCode =
  | "OPTION_INVALID"
  | "ADDRESS_INVALID"
  | "ADDRESS_IN_USE"
  | "BIND_FAILED"
  | "PID_FILE_LOCKED"
  | "PID_FILE_FAILED"
  | "LOCK_FILE_LOCKED"
  | "LOCK_FILE_FAILED"
  | "LOG_FILE_FAILED"
  | "WORKER_FAILED"
  | "RELOAD_FAILED"
  | "STOPPED"
  | "KOFFI_MISSING"
  | "PLATFORM_UNSUPPORTED";

/** Thrown by `startSupervisor` and by `reload`, and with KOFFI_MISSING or PLATFORM_UNSUPPORTED by importing it; the message is written for the person at the terminal. */
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

/** Why a file cannot be used that this process writes, with the rule that it breaks. */
export function fileError(
  code: "PID_FILE_FAILED" | "LOCK_FILE_FAILED" | "LOG_FILE_FAILED",
  what: string,
  cause: unknown,
): SupervisorError {
  const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const rule = fileRules[errno];
  const why = rule === undefined ? `: ${String(cause)}` : ` (${errno}): ${rule}`;
  return new SupervisorError(code, `cannot write ${what}${why}`, { cause });
}

const mustExist = "its folder must exist";
const mustBeWritable = "this user must be allowed to write to it, and to its folder";
const fileRules: Record<string, string | undefined> = {
  ENOENT: mustExist,
  ENOTDIR: mustExist,
  EISDIR: "it must be a file, not a folder",
  ELOOP: "it must be a file, not a symlink",
  EACCES: mustBeWritable,
  EPERM: mustBeWritable,
  EROFS: mustBeWritable,
  ENOSPC: "its disk is full",
};
