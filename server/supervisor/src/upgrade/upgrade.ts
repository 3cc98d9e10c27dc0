// An upgrade in place: the new version of the program takes this one's place in its process, and with it all that is open.
import type { ControlServer } from "../control/server.ts";
import { SupervisorError } from "../errors.ts";
import type { Fleet } from "../fleet.ts";
import type { CheckedOptions } from "../options.ts";
import type { ProcessFiles } from "../process-files.ts";
import type { Slot } from "../slot.ts";
import type { SlotListener } from "../slots.ts";
import type { Phase } from "../status.ts";
import type { CarriedSlot, CarriedState } from "./carried.ts";
import { preflight } from "./preflight.ts";
import { replaceProgram } from "./replace.ts";

/** What an upgrade takes from the machine. */
export interface UpgradeHost {
  readonly options: CheckedOptions;
  readonly startTime: Date;
  readonly fleet: Fleet;
  readonly listeners: readonly SlotListener[];
  readonly control: ControlServer | undefined;
  readonly files: ProcessFiles;
  readonly phase: () => Phase;
}

/**
 * Checks the version that is on disk; if it is another one than this, puts it in the place of this program and does not return. Throws
 * RELOAD_FAILED if it is not fit, or cannot be started; then nothing has changed.
 *
 * @param reloadTime when the reload began, in milliseconds since 1970
 */
export async function upgrade(host: UpgradeHost, reloadTime: number): Promise<void> {
  const { command, logger, readyTimeoutMs } = host.options;
  if (command.length === 0) return;
  try {
    // The program as long as its worker, which has a timer of its own there.
    const newer = await preflight(command, 2 * readyTimeoutMs);
    if (newer === undefined) return;
    await calm(host);
    if (host.phase() !== "running") throw new Error(`the supervisor is ${host.phase()}`);
    logger.info("upgrading", { newer });
    replaceProgram(command, stateOf(host, reloadTime));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new SupervisorError("RELOAD_FAILED", `${why}; all serve on as they were`, { cause });
    logger.error("upgrade failed", { error: error.message });
    throw error;
  }
}

/** Waits until nothing is under way that cannot be carried: messages that have not left, workers whose end is being told. */
async function calm({ fleet, control, files }: UpgradeHost): Promise<void> {
  await files.settled();
  await Promise.all(
    [...fleet.alive].map((worker) => (worker.state === "gone" ? worker.gone : worker.flushed())),
  );
  await control?.flushed();
}

function stateOf(
  { startTime, fleet, listeners, control, files }: UpgradeHost,
  reloadTime: number,
): CarriedState {
  return {
    v: 1,
    startTime: startTime.toISOString(),
    reloadTime,
    listeners,
    slots: [...fleet.slots, ...fleet.retired].map(carrySlot),
    workers: fleet.slots.length,
    control: control?.carry(),
    pidFile: files.pidFile?.carry(),
    lockFile: files.lockFile?.carry(),
  };
}

function carrySlot({ generation, failures, deaths, adopter, worker, predecessor }: Slot): CarriedSlot {
  return {
    ...{ generation, failures, deaths, adopter },
    worker: worker?.carry(),
    predecessor: predecessor?.carry(),
  };
}
