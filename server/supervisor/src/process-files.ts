// The files that are the supervisor process's own, whatever its workers do: its lock, its PID file and its log.
import { fileError } from "./errors.ts";
import { coalesce } from "./coalesce.ts";
import type { CheckedOptions, HookSignal } from "./options.ts";
import { LockFile } from "./lock-file.ts";
import { redirectOutput, saveOutput } from "./output.ts";
import { PidFile } from "./pid-file.ts";
import type { CarriedState } from "./upgrade/carried.ts";
import type { WorkerHandle } from "./worker-handle.ts";

const pidFileLost = "cannot write the PID file of the new version";

export class ProcessFiles {
  /** Undefined if there is none. */
  readonly pidFile: PidFile | undefined;
  readonly lockFile: LockFile | undefined;
  readonly #options: CheckedOptions;
  readonly #resumes: boolean;
  readonly #before: ReturnType<typeof saveOutput> | undefined;
  #workers: ReadonlySet<WorkerHandle> = new Set();
  #reopening: Promise<void> = Promise.resolve();

  /**
   * Opens the log, takes the lock and the PID file. Throws SupervisorError, and then nothing has changed. In a program that has taken another's place
   * it never throws: the workers serve, and what cannot be opened stays as it was.
   */
  constructor(options: CheckedOptions, carried: CarriedState | undefined) {
    this.#options = options;
    this.#resumes = carried !== undefined;
    if (options.logFile !== undefined) this.#before = this.#openLog(options.logFile);
    try {
      this.lockFile = this.#takeLockFile(options.lockFile, carried?.lockFile);
      this.pidFile = this.#takePidFile(options.pidFile, carried?.pidFile);
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** All workers are ready. Throws PID_FILE_FAILED. */
  ready(): void {
    try {
      this.pidFile?.publish();
    } catch (error) {
      if (!this.#resumes) throw error;
      this.#options.logger.error(pidFileLost, { error: String(error) });
    }
    this.#before?.forget();
  }

  /** The start has come to nothing. The log has the reason, and whoever writes after this writes to the person who started it. */
  failed(error: unknown): void {
    this.end();
    if (this.#before === undefined) return;
    this.#options.logger.error("not started", {
      error: error instanceof Error ? error.message : String(error),
    });
    this.#before.restore();
  }

  /** The supervisor has come to its end. */
  end(): void {
    this.pidFile?.release();
    this.lockFile?.release();
  }

  /** @param workers all that live, at any moment */
  hear(signal: HookSignal, workers: ReadonlySet<WorkerHandle>): void {
    this.#workers = workers;
    if (signal === "SIGUSR1" && this.#options.logFile !== undefined) this.#reopening = this.#reopen();
    this.#options.onSignal(signal);
  }

  /** Settles when no log is being reopened. */
  settled(): Promise<void> {
    return this.#reopening;
  }

  readonly #reopen = coalesce(async () => {
    const { logFile: path = "", logger } = this.#options;
    try {
      redirectOutput(path);
    } catch (cause) {
      // What this process could not do, its workers need not try.
      const { message: error } = fileError("LOG_FILE_FAILED", `the log file ${path}`, cause);
      logger.error("log file not reopened; the old one stays in use", { error });
      return;
    }
    const asked = [...this.#workers];
    const errors = await Promise.all(asked.map((worker) => worker.reopenLogs(path)));
    for (const [index, { slot, generation, pid }] of asked.entries()) {
      const error = errors[index] ?? "";
      const fields = { slot, generation, pid, error };
      if (error !== "")
        logger.error("worker has not reopened the log file; it writes to the old one", fields);
    }
    // From here on nobody writes to the old one.
    if (errors.every((error) => error === "")) logger.info("log file reopened", { path });
  });

  #openLog(path: string): ReturnType<typeof saveOutput> | undefined {
    const before = saveOutput();
    try {
      redirectOutput(path);
      return before;
    } catch (cause) {
      before.forget();
      const error = fileError("LOG_FILE_FAILED", `the log file ${path}`, cause);
      if (!this.#resumes) throw error;
      this.#options.logger.error("cannot open the log file of the new version", { error: error.message });
      return undefined;
    }
  }

  #takeLockFile(path: string | undefined, carried: CarriedState["lockFile"]): LockFile | undefined {
    const known = carried && LockFile.adopt(carried);
    if (known?.path === path) return known;
    try {
      const file = path === undefined ? undefined : LockFile.claim(path);
      known?.release();
      return file;
    } catch (error) {
      if (!this.#resumes) throw error;
      this.#options.logger.error("cannot lock the file of the new version", { error: String(error) });
      return known;
    }
  }

  #takePidFile(path: string | undefined, carried: CarriedState["pidFile"]): PidFile | undefined {
    const known = carried && PidFile.adopt(carried);
    if (known?.path === path) return known;
    try {
      const file = path === undefined ? undefined : PidFile.claim(path);
      known?.release();
      return file;
    } catch (error) {
      if (!this.#resumes) throw error;
      this.#options.logger.error(pidFileLost, { error: String(error) });
      return known;
    }
  }
}
