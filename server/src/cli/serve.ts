import { resolve } from "node:path";
import { startSupervisor, SupervisorError } from "@fieldpost/supervisor";
import { version } from "../config/version.ts";
import { formatAddress } from "../config/address.ts";
import type { ConfigSource } from "../config/reloader.ts";
import type { ServeConfig } from "../config/serve-config.ts";
import { workerEnvironment } from "../worker/settings.ts";
import { createLogger } from "../telemetry/log.ts";
import { controlPathOf } from "./control-command.ts";
import { instanceOfProcess } from "./instance.ts";
import { launchCommand } from "./launch-command.ts";
import { startReloading } from "./reloading.ts";
import { storeLockPath } from "./store-lock.ts";
import { workerCount } from "./worker-count.ts";

/** Of sockaddr_un. */
const maxSocketPathBytes = 107;

const workerModule = new URL(
  `../worker/main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/**
 * Runs the relay until it is told to stop. This process is the supervisor: it never accepts a connection.
 *
 * @param source the file that the configuration came from, if it did
 * @returns the exit code
 */
export async function serve(config: ServeConfig, source?: ConfigSource): Promise<number> {
  const log = createLogger({ level: config.logLevel, name: "supervisor" });
  const instance = instanceOfProcess();
  // Workers have the same working directory, but messages and leases should name one file.
  const store = resolve(config.store);
  const settings = { config: { ...config, store }, revision: firstRevision(), instance };
  const controlPath = controlPathOf(config);
  const isTooLong = Buffer.byteLength(controlPath) > maxSocketPathBytes;
  // A path that nobody asked for is no reason to refuse the store beside it.
  if (isTooLong && config.control === undefined) {
    log.warn(
      { path: controlPath },
      "no control socket: its path would be too long; give a shorter one with --control",
    );
  }
  let supervisor;
  // While the workers start there is nothing to do: the file is looked at when they are ready.
  let onHangUp = (): void => {};
  try {
    supervisor = await startSupervisor({
      listeners: [
        { name: "grpc", address: formatAddress(config.grpc) },
        { name: "http", address: formatAddress(config.http) },
      ],
      workers: workerCount(config),
      workerModule,
      env: workerEnvironment(settings),
      drainTimeoutMs: config.drainTimeoutMs,
      ...(isTooLong && config.control === undefined ? {} : { controlPath }),
      pidFile: config.pidFile,
      lockFile: storeLockPath(store),
      logFile: config.logFile,
      ...launchCommand(),
      version,
      logger: {
        info: (message, fields) => log.info(ofWorker(fields), message),
        warn: (message, fields) => log.warn(ofWorker(fields), message),
        error: (message, fields) => log.error(ofWorker(fields), message),
      },
      onSignal(signal) {
        if (signal === "SIGHUP") onHangUp();
        else if (config.logFile === undefined) log.info("there is no log file (--log-file) to open anew");
      },
    });
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    // Told to stop before it served: no failure.
    if (error.code === "STOPPED") return 0;
    process.stderr.write(`fieldpost: ${explain(error, store)}\n`);
    return 1;
  }
  const addresses = Object.fromEntries(supervisor.listeners.map(({ name, address }) => [name, address]));
  log.info({ ...addresses, store }, "serving");
  const reloading = source && startReloading({ source, config, settings, supervisor, log });
  onHangUp = () => {
    if (reloading !== undefined) reloading.reload();
    else log.info("there is no configuration file (--config) to read again");
  };
  const code = await supervisor.done;
  reloading?.stop();
  return code;
}

/** The lock file is beside the store, and stands for it. */
function explain({ code, message }: SupervisorError, store: string): string {
  if (code === "LOCK_FILE_LOCKED") return `the store ${store} has a relay already: ${message}`;
  if (code === "LOCK_FILE_FAILED") return `${store}: the store cannot be opened: ${message}`;
  return message;
}

/** Higher than any that the workers know from the program that was in this process before an upgrade. */
function firstRevision(): number {
  const monotonicMs = process.hrtime.bigint() / 1_000_000n;
  return Number(monotonicMs);
}

/** Each line says `pid` of the process that writes it; the supervisor's news are about another. */
function ofWorker({ pid, ...fields }: Record<string, unknown>): Record<string, unknown> {
  return pid === undefined ? fields : { ...fields, workerPid: pid };
}
