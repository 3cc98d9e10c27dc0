import { constants } from "node:os";

import type { HookSignal } from "./options.ts";
import { setParentDeathSignal, unblockSignal } from "./syscalls.ts";

export interface SignalActions {
  /** Stop gracefully. */
  stop: (signal: NodeJS.Signals) => void;
  /** Stop at once. */
  kill: () => void;
  reload: (signal: NodeJS.Signals) => void;
  hook: (signal: HookSignal) => void;
}

// Ctrl-C reaches the whole foreground group, and npm passes it on to its child as well: one key press, two SIGINT. Under npm a second
// one that comes this soon is not a second wish.
const NPM_ECHO_MS = 250;

/**
 * Installs the handlers and returns what removes them: TERM and QUIT stop, INT stops and a second INT kills, USR2 reloads, HUP and USR1 go to the hook.
 * No signal of these keeps its default action, which would end the process.
 */
export function installSignals(actions: SignalActions): () => void {
  let interruptedAt: number | undefined;
  const interrupt = (): void => {
    const now = performance.now();
    if (interruptedAt === undefined) {
      interruptedAt = now;
      actions.stop("SIGINT");
    } else if (!isRunByNpm() || now - interruptedAt >= NPM_ECHO_MS) actions.kill();
  };
  const handlers: [NodeJS.Signals, () => void][] = [
    ["SIGTERM", () => actions.stop("SIGTERM")],
    ["SIGQUIT", () => actions.stop("SIGQUIT")],
    ["SIGINT", interrupt],
    ["SIGHUP", () => actions.hook("SIGHUP")],
    ["SIGUSR1", () => actions.hook("SIGUSR1")],
    ["SIGUSR2", () => actions.reload("SIGUSR2")],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  // With --disable-sigusr1 Node blocks it for good, and no handler would ever hear of it.
  unblockSignal(constants.signals.SIGUSR1);
  const early = globalThis.fieldpostTakeEarlySignals?.() ?? [];
  for (const signal of early) process.emit(signal, signal);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

const SIGTERM = 15;

/**
 * Under npm, makes the parent's death a SIGTERM: npm passes INT and TERM on, but dies of HUP and KILL without a word, and the
 * supervisor would go on serving where nobody looks for it. Elsewhere a supervisor may outlive its parent (a shell, a launcher).
 */
export function followParent(onOrphaned: () => void): void {
  if (!isRunByNpm()) return;
  const parent = process.ppid;
  setParentDeathSignal(SIGTERM);
  // It may have died before the kernel was asked to tell.
  if (process.ppid !== parent) onOrphaned();
}

function isRunByNpm(): boolean {
  return process.env["npm_lifecycle_event"] !== undefined;
}
