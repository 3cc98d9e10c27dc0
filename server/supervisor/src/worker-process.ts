// The process of a worker: started by this program, or taken over from the one that was in this process before it.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

import { withAffinity } from "./affinity.ts";
import { BOOT_VARIABLE, PROTOCOL_VERSION } from "./messages.ts";
import type { WorkerBoot } from "./messages.ts";
import type { CheckedOptions } from "./options.ts";
import { serviceManagerVariables } from "./service-manager.ts";
import type { SlotListener } from "./slots.ts";
import { reap } from "./syscalls.ts";

export interface WorkerSpec {
  slot: number;
  generation: number;
  workers: number;
  slotPeers: number[];
  cpu: number | undefined;
  listeners: readonly SlotListener[];
  options: CheckedOptions;
  /** It only loads its module, and ends where it would join. Default false. */
  check?: boolean;
}

export interface WorkerProcess {
  /** Undefined if it could not be spawned. */
  readonly pid: number | undefined;
  /** SIGKILL. */
  kill(): void;
  /** Hears once how it ended, in words, and whether that was by itself with status 0. */
  onEnd(hear: (how: string, clean: boolean) => void): void;
}

const CONTROL_FD = 3;
// Source files run by type stripping in development, compiled ones in the published package.
const BOOT_MODULE = new URL(
  `./worker/boot${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/** Starts one. A spawn that fails is told like an end. */
export function startProcess(spec: WorkerSpec, controlFd: number): WorkerProcess {
  try {
    const child = withAffinity(spec.cpu, () => spawnProcess(spec, controlFd));
    return {
      pid: child.pid,
      kill: () => void child.kill("SIGKILL"),
      onEnd(hear) {
        child.once("exit", (code, signal) => hear(signal ?? `exit code ${code}`, code === 0));
        child.once("error", (error) => hear(`cannot be spawned: ${error.message}`, false));
      },
    };
  } catch (error) {
    return {
      pid: undefined,
      kill() {},
      onEnd: (hear) => void setImmediate(() => hear(`cannot be spawned: ${String(error)}`, false)),
    };
  }
}

/** How often a process is looked at that nobody tells about; as a rule the end of its control channel does. */
const SWEEP_MS = 1000;
/** From then on, how often until it is dead. */
const POLL_MS = 10;

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/**
 * Takes a child over that Node did not start. Its zombie is ours to end.
 *
 * @param ending settles when it looks as if it were about to end
 */
export function adoptProcess(pid: number, ending: Promise<void>): WorkerProcess {
  let hear: ((how: string, clean: boolean) => void) | undefined;
  const look = (): void => {
    const how = howItEnded(pid);
    if (how === undefined) return;
    clearInterval(timer);
    hear?.(how, how === "exit code 0");
    hear = undefined;
  };
  let timer = setInterval(look, SWEEP_MS);
  void ending.then(() => {
    clearInterval(timer);
    timer = setInterval(look, POLL_MS);
    look();
  });
  return {
    pid,
    kill() {
      // As long as it is not reaped nobody else has its number.
      if (hear !== undefined) process.kill(pid, "SIGKILL");
    },
    onEnd: (listener) => void (hear = listener),
  };
}

function howItEnded(pid: number): string | undefined {
  try {
    const end = reap(pid);
    if (end === undefined) return undefined;
    return "code" in end ? `exit code ${end.code}` : (signalNames.get(end.signal) ?? `signal ${end.signal}`);
  } catch (error) {
    // No child of ours: somebody else has reaped it.
    return `unknown end: ${String(error)}`;
  }
}

function spawnProcess(spec: WorkerSpec, controlFd: number) {
  const { options, listeners } = spec;
  const inherited: number[] = [];
  const boot: WorkerBoot = {
    v: PROTOCOL_VERSION,
    slot: spec.slot,
    generation: spec.generation,
    workers: spec.workers,
    slotPeers: spec.slotPeers,
    controlFd: CONTROL_FD,
    drainTimeoutMs: options.drainTimeoutMs,
    ...(spec.check === true ? { check: true } : {}),
    // Numbers without a gap: Node sets close-on-exec at boot from 0 up to the first one that is missing.
    listeners: listeners.map(({ name, address, fds }) => ({
      name,
      address,
      fds: fds.map((fd) => CONTROL_FD + inherited.push(fd)),
    })),
  };
  const { workerModule } = options;
  const modulePath = workerModule instanceof URL ? fileURLToPath(workerModule) : workerModule;
  const flags = [...options.execArgv, "--disable-sigusr1", "--import", BOOT_MODULE.href];
  return spawn(process.execPath, [...flags, modulePath, ...options.args], {
    stdio: ["ignore", "inherit", "inherit", controlFd, ...inherited],
    env: workerEnvironment({ ...options.env, [BOOT_VARIABLE]: JSON.stringify(boot) }),
  });
}

/** What concerns this process alone is not passed on. */
function workerEnvironment(additions: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = { ...process.env };
  for (const name of serviceManagerVariables) delete own[name];
  return { ...own, ...additions };
}
