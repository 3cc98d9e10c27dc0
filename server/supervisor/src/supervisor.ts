// What a program that supervises calls: the process that never serves.
import { requireLog, tellLauncher } from "./daemon.ts";
import { SupervisorMachine } from "./machine.ts";
import { checkOptions } from "./options.ts";
import type { SupervisorChanges, SupervisorOptions } from "./options.ts";
import { ProcessFiles } from "./process-files.ts";
import type { ReloadResult, SupervisorStatus } from "./status.ts";
import { takeCarried } from "./upgrade/carried.ts";
import { answerCheck, isCheck } from "./upgrade/check.ts";
import { takePlace } from "./who-am-i.ts";

export interface Supervisor {
  readonly pid: number;
  /** The real addresses: IP instead of name, port instead of 0. */
  readonly listeners: { name: string; address: string }[];
  /**
   * Settles when the last worker is gone and every socket closed, with the exit code for the process: 0 if all workers ended
   * by themselves, 1 if one had to be killed at the deadline, 130 after a second SIGINT.
   */
  readonly done: Promise<number>;
  status(): SupervisorStatus;
  /** Sends to all workers; lossy, at most 64 KiB, RangeError beyond. */
  broadcast(topic: string, payload: string): void;
  /**
   * Changes options while it runs: `env` is what workers get that start from now on, `drainTimeoutMs` counts from the next stop,
   * also where a worker outlives the supervisor. Another number of `workers` replaces all of them, without losing a connection; how
   * that ends is in the log. Throws OPTION_INVALID, and then changes nothing.
   */
  update(changes: SupervisorChanges): void;
  /**
   * What SIGUSR2 does: checks the version of the program that is on disk (`command`), puts it in the place of this one if it is another,
   * in the same process, and replaces every worker by a new process, without losing a connection. The one of slot 0 goes first and has to
   * stay ready for `canaryMs`; its predecessor serves on until then. Throws RELOAD_FAILED with the error of the new program or worker, and
   * what is not replaced by then serves on. Calls that come while one runs share the next run. A call is not answered if the program
   * that made it is replaced: who has to hear of it asks over the control socket.
   */
  reload(): Promise<ReloadResult>;
  /** What SIGTERM does. Settles like `done`; can be called again. */
  stop(): Promise<number>;
}

/**
 * Opens the sockets, starts the workers and settles once every one of them is ready. Installs signal handlers, which stay after the end: the
 * process is expected to exit with what `done` says. Throws SupervisorError: an address or the PID file is taken, a file cannot be written, a
 * worker failed before all were ready (WORKER_FAILED, with the worker's error; by then everything is stopped again), or a signal came first
 * (STOPPED). By then standard output and error are again what they were before the log file took their place.
 */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const checked = checkOptions(options);
  requireLog(checked);
  takePlace({ role: "supervisor" });
  if (isCheck(process.env)) await answerCheck(checked);
  const carried = takeCarried(process.env);
  const files = new ProcessFiles(checked, carried);
  const machine = new SupervisorMachine(checked, files, carried);
  try {
    await machine.start();
    await endIfThrown(machine, () => files.ready());
  } catch (error) {
    files.failed(error);
    throw error;
  }
  tellLauncher({ pid: process.pid, listeners: machine.listeners });
  const done = machine.done.then((exitCode) => {
    files.end();
    return exitCode;
  });
  return {
    pid: process.pid,
    listeners: machine.listeners,
    done,
    status: () => machine.status(),
    broadcast: (topic, payload) => machine.broadcast(topic, payload),
    update: (changes) => machine.update(changes),
    reload: () => machine.reload("reload()"),
    stop() {
      void machine.stop("stop()");
      return done;
    },
  };
}

async function endIfThrown(machine: SupervisorMachine, work: () => void): Promise<void> {
  try {
    work();
  } catch (error) {
    await machine.stop("failed start");
    throw error;
  }
}
