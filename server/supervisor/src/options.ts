import { resolve } from "node:path";

import { parseAddress } from "./address.ts";
import { SupervisorError } from "./errors.ts";
import { stderrLogger } from "./stderr-logger.ts";
import { launchCommand } from "./upgrade/launch.ts";

/** Signals that the supervisor survives and hands to `onSignal`; what they mean is the program's choice. */
export type HookSignal = "SIGHUP" | "SIGUSR1";

/** Where the supervisor reports what it did. Any logger with these three methods fits. */
export interface Logger {
  info(message: string, fields: Record<string, unknown>): void;
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

export interface SupervisorOptions {
  /** Every address that the workers serve: `host:port` (port 0: any free one), `[v6]:port` or `unix:/path`. */
  listeners: readonly { name: string; address: string }[];
  /** The module that each worker runs, which calls `joinSupervisor`. A path or a file URL. */
  workerModule: string | URL;
  /** The worker's `process.argv` after its module. Default: none. */
  args?: readonly string[];
  /** Added to the supervisor's own environment. Default: nothing. */
  env?: Readonly<Record<string, string>>;
  /** Node's own flags for the workers. Default: the supervisor's, without `--inspect…`, since one port cannot serve them all. */
  execArgv?: readonly string[];
  /** How many, or one for each CPU that mask and quota leave. Default `"auto"`. */
  workers?: number | "auto";
  /** One CPU for each worker, while there are enough of them. Default true. */
  pin?: boolean;
  /** From the stop signal to SIGKILL, in milliseconds. Default 30,000. */
  drainTimeoutMs?: number;
  /** From spawn to `ready()`, in milliseconds; then the worker is killed. Default 30,000. */
  readyTimeoutMs?: number;
  /** A ready worker whose event loop is silent for this long is killed, in milliseconds; 0 switches it off. Default 3,000. */
  watchdogMs?: number;
  /**
   * How long the first worker of a reload has to stay ready before its predecessor ends and the others follow, in milliseconds.
   * Default 1,000.
   */
  canaryMs?: number;
  /**
   * Where to listen for `requestReload` and `requestStatus` of `@fieldpost/supervisor/control`: an absolute path, whose file is made with
   * mode 0600. Default: nowhere.
   */
  controlPath?: string | undefined;
  /**
   * Where the PID stands while the supervisor runs, from the moment when all workers are ready. The file is locked (flock), and a second
   * supervisor with the same one is refused. Default: nowhere.
   */
  pidFile?: string | undefined;
  /**
   * A file that is locked (flock) from before anything is started until the supervisor has ended, for a resource of which one supervisor at a
   * time may make use; a second one with the same file is refused. It has the PID, and stays. Default: none.
   */
  lockFile?: string | undefined;
  /**
   * Where standard output and error of the supervisor and its workers go. SIGUSR1 opens it anew, in all of them: whoever rotates it renames it
   * first. Made with mode 0640 if it is not there. Default: they stay what they are.
   */
  logFile?: string | undefined;
  /**
   * How this program is started: a file and its arguments. A reload runs it to check the version that is on disk, up to `startSupervisor`,
   * and executes it in this process if that is another one than this. Empty: a reload replaces workers only. Default: what Node tells of
   * its own start, with the main module by its name, symlinks unresolved.
   */
  command?: readonly string[];
  /** The program's own version, for `status()`. Default: none. */
  version?: string | undefined;
  /** Called for SIGHUP and SIGUSR1. Default: they are ignored. */
  onSignal?: (signal: HookSignal) => void;
  /** Default: one line each on stderr. */
  logger?: Logger;
}

/** What can be changed while it runs. */
export type SupervisorChanges = Pick<SupervisorOptions, "env" | "drainTimeoutMs" | "workers">;

export type CheckedOptions = Required<Omit<SupervisorOptions, OptionalOption>> &
  Pick<SupervisorOptions, OptionalOption>;

/** What has to be given, or has no default. */
type OptionalOption = "workerModule" | "controlPath" | "pidFile" | "lockFile" | "logFile" | "version";

/** Fills the defaults in; throws OPTION_INVALID with the option's name. */
export function checkOptions(options: SupervisorOptions): CheckedOptions {
  const checked: CheckedOptions = {
    args: [],
    env: {},
    execArgv: process.execArgv.filter((flag) => !flag.startsWith("--inspect")),
    workers: "auto",
    pin: true,
    drainTimeoutMs: 30_000,
    readyTimeoutMs: 30_000,
    watchdogMs: 3_000,
    canaryMs: 1_000,
    command: launchCommand() ?? [],
    onSignal: () => {},
    logger: stderrLogger,
    ...options,
    // The working directory may be another one later.
    ...(options.pidFile === undefined ? {} : { pidFile: resolve(options.pidFile) }),
    ...(options.lockFile === undefined ? {} : { lockFile: resolve(options.lockFile) }),
    ...(options.logFile === undefined ? {} : { logFile: resolve(options.logFile) }),
  };
  if (checked.listeners.length === 0) throw invalid("listeners must not be empty");
  const names = new Set(checked.listeners.map(({ name }) => name));
  if (names.size < checked.listeners.length) throw invalid("listeners must have different names");
  const { controlPath, workers } = checked;
  // Says what is wrong with it.
  if (controlPath !== undefined) parseAddress(`unix:${controlPath}`);
  if (checked.pidFile !== undefined && checked.pidFile === checked.logFile) {
    throw invalid("pidFile and logFile must not be the same");
  }
  if (workers !== "auto" && !(Number.isInteger(workers) && workers >= 1 && workers <= 1024)) {
    throw invalid(`workers must be "auto" or 1 to 1024, not ${workers}`);
  }
  for (const name of ["drainTimeoutMs", "readyTimeoutMs"] as const) {
    if (!(checked[name] > 0)) throw invalid(`${name} must be above 0, not ${checked[name]}`);
  }
  for (const name of ["watchdogMs", "canaryMs"] as const) {
    if (!(checked[name] >= 0)) throw invalid(`${name} must be 0 or more, not ${checked[name]}`);
  }
  return checked;
}

function invalid(message: string): SupervisorError {
  return new SupervisorError("OPTION_INVALID", message);
}
