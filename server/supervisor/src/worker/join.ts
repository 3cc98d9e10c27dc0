import fs from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";

import { BOOT_VARIABLE, checkPayload, encodeMessage } from "../messages.ts";
import type { DrainResult, SupervisorMessage, WorkerBoot, WorkerMessage } from "../messages.ts";
import { Control } from "./control.ts";
import { writeLastMessage } from "./last-message.ts";
import { Listener } from "./listen.ts";
import { readBoot } from "./read-boot.ts";

/** A worker that died: its slot, which process of that slot it was, and its former pid. */
export interface WorkerExit {
  slot: number;
  generation: number;
  pid: number;
}

/** Ends one part of the program. It has `deadlineMs` milliseconds; a returned result is added up for the log. */
export type DrainHook = (deadlineMs: number) => Promise<DrainResult | void> | DrainResult | void;

/** This process as a member of its supervisor. */
export interface SupervisedWorker {
  /** Its place, 0 to `workers` - 1. A successor has the same. */
  readonly slot: number;
  /** Counts the processes of this slot, from 1. */
  readonly generation: number;
  readonly workers: number;
  /**
   * Generations of the other processes of this slot that live as this one starts: in a reload, the one that it is to replace. Every
   * other generation below its own has ended. `onWorkerExit` tells when they end, too.
   */
  readonly slotPeers: readonly number[];
  readonly listeners: readonly Listener[];
  /** The listener of that name; throws if the supervisor has none. */
  listener(name: string): Listener;
  /** Says that this worker serves. Throws if a listener is not served: its connections would wait for ever. */
  ready(): void;
  /** Sends to all other workers. Lossy; at most 64 KiB of UTF-8, RangeError beyond. */
  broadcast(topic: string, payload: string): void;
  onBroadcast(topic: string, handler: (payload: string) => void): void;
  /** Called as soon as a sibling's process is dead: nothing that it began goes on. */
  onWorkerExit(handler: (exit: WorkerExit) => void): void;
  /**
   * Ends this process at once, with SIGKILL: for a state in which nothing may run any more, not even what an exit runs. To the supervisor
   * it is a failure like an uncaught exception; the log has the reason.
   */
  abort(reason: string): never;
  /**
   * Called when the supervisor stops this worker, or has died. By then the listeners accept nothing more. Hooks run one after the other
   * in the order they were added, each with the time that is left; then the process exits.
   */
  onDrain(hook: DrainHook): void;
}

// After the deadline: for a store to close. A supervisor that lives sends SIGKILL by then; a dead one cannot.
const ORPHAN_SLACK_MS = 1000;
const MAX_EARLY_EXITS = 64;

/**
 * Makes this process a worker of the supervisor that started it. Call it once, first of all. Throws in a process that no supervisor started.
 * Where a supervisor checks a new version, it ends the process: what comes before it runs there, too.
 */
export async function joinSupervisor(): Promise<SupervisedWorker> {
  const boot = readBoot(process.env);
  if (!boot) throw new Error(`not started by a supervisor, or joined already: ${BOOT_VARIABLE} is not set`);
  // What this process starts is no worker.
  delete process.env[BOOT_VARIABLE];
  if (boot.check === true) {
    const { slot, generation, controlFd } = boot;
    fs.writeSync(controlFd, encodeMessage({ t: "hello", pid: process.pid, slot, generation }));
    process.exit(0);
  }
  return new Membership(boot);
}

class Membership implements SupervisedWorker {
  readonly slot: number;
  readonly generation: number;
  readonly workers: number;
  readonly slotPeers: readonly number[];
  readonly listeners: readonly Listener[];
  /** For the case that the supervisor dies. */
  #drainTimeoutMs: number;
  readonly #control: Control;
  readonly #controlFd: number;
  readonly #broadcastHandlers = new Map<string, ((payload: string) => void)[]>();
  readonly #exitHandlers: ((exit: WorkerExit) => void)[] = [];
  readonly #drainHooks: DrainHook[] = [];
  /** What was told before the first handler was there. */
  #earlyExits: WorkerExit[] = [];
  #draining = false;

  constructor(boot: WorkerBoot) {
    this.#drainTimeoutMs = boot.drainTimeoutMs;
    this.slot = boot.slot;
    this.generation = boot.generation;
    this.workers = boot.workers;
    this.slotPeers = boot.slotPeers ?? [];
    this.listeners = boot.listeners.map((spec) => new Listener(spec, boot));
    this.#controlFd = boot.controlFd;
    this.#control = new Control(
      boot.controlFd,
      (message) => this.#obey(message),
      () => this.#orphaned(),
    );
    this.#control.send({ t: "hello", pid: process.pid, slot: boot.slot, generation: boot.generation });
  }

  listener(name: string): Listener {
    const found = this.listeners.find((listener) => listener.name === name);
    if (!found) throw new Error(`the supervisor has no listener ${JSON.stringify(name)}`);
    return found;
  }

  ready(): void {
    const idle = this.listeners.find(({ isServed }) => !isServed);
    if (idle) throw new Error(`listener ${JSON.stringify(idle.name)} is not served`);
    this.#control.send({ t: "ready" });
  }

  broadcast(topic: string, payload: string): void {
    checkPayload(payload);
    this.#control.send({ t: "broadcast", topic, payload });
  }

  onBroadcast(topic: string, handler: (payload: string) => void): void {
    const handlers = this.#broadcastHandlers.get(topic);
    if (handlers) handlers.push(handler);
    else this.#broadcastHandlers.set(topic, [handler]);
  }

  onWorkerExit(handler: (exit: WorkerExit) => void): void {
    this.#exitHandlers.push(handler);
    for (const exit of this.#earlyExits.splice(0)) handler(exit);
  }

  abort(reason: string): never {
    writeLastMessage(this.#controlFd, { t: "fatal", error: reason });
    process.kill(process.pid, "SIGKILL");
    // Not reached: the signal is delivered before kill(2) returns.
    throw new Error(reason);
  }

  onDrain(hook: DrainHook): void {
    this.#drainHooks.push(hook);
  }

  #obey(message: SupervisorMessage | WorkerMessage): void {
    switch (message.t) {
      case "ping":
        this.#control.send({ t: "pong", id: message.id });
        this.#control.send({ t: "stat", connections: this.#countConnections() });
        return;
      case "drain":
        void this.#drain(message.deadlineMs);
        return;
      case "adopt":
        void this.#adopt(message.slot);
        return;
      case "release":
        for (const listener of this.listeners) listener.release(message.slot);
        this.#control.send({ t: "released", slot: message.slot });
        return;
      case "broadcast":
        for (const handler of this.#broadcastHandlers.get(message.topic) ?? []) handler(message.payload);
        return;
      case "workerExit":
        return this.#tellExit({ slot: message.slot, generation: message.generation, pid: message.pid });
      case "drainTimeout":
        this.#drainTimeoutMs = message.drainTimeoutMs;
        return;
      case "reopenLogs":
        void this.#reopenLogs(message.path);
        return;
      default:
      // A worker's own message, echoed: ignored, like any that this version does not know.
    }
  }

  async #adopt(slot: number): Promise<void> {
    if (this.#draining) return;
    try {
      await Promise.all(this.listeners.map((listener) => listener.adopt(slot)));
      this.#control.send({ t: "adopted", slot });
    } catch (error) {
      // The slot's queue waits for its successor. What this worker serves itself is worth more than a crash.
      process.stderr.write(`cannot adopt slot ${slot}: ${String(error)}\n`);
    }
  }

  async #reopenLogs(path: string): Promise<void> {
    let error = "";
    try {
      // Loaded only now: it brings koffi, 7 MB.
      const { redirectOutput } = await import("../output.ts");
      redirectOutput(path);
    } catch (cause) {
      error = String(cause);
    }
    this.#control.send({ t: "logsReopened", error });
  }

  #tellExit(exit: WorkerExit): void {
    for (const handler of this.#exitHandlers) handler(exit);
    if (this.#exitHandlers.length === 0 && this.#earlyExits.length < MAX_EARLY_EXITS)
      this.#earlyExits.push(exit);
  }

  #countConnections(): number {
    return this.listeners.reduce((sum, { connections }) => sum + connections, 0);
  }

  #orphaned(): void {
    // Nobody is left to send SIGKILL.
    setTimeout(() => process.exit(1), this.#drainTimeoutMs + ORPHAN_SLACK_MS);
    void this.#drain(this.#drainTimeoutMs);
  }

  async #drain(deadlineMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const deadline = performance.now() + deadlineMs;
    // One more round of the event loop takes in what is queued on the sockets at this moment; closing them would reset it.
    await nextTurn();
    for (const listener of this.listeners) listener.close();
    const total: DrainResult = { closed: 0, forced: 0 };
    let exitCode = 0;
    for (const hook of this.#drainHooks) {
      try {
        const result = await hook(Math.max(0, deadline - performance.now()));
        total.closed += result?.closed ?? 0;
        total.forced += result?.forced ?? 0;
      } catch (error) {
        // The hooks after it close other things: they still have to.
        process.stderr.write(`drain hook failed: ${error instanceof Error ? error.stack : String(error)}\n`);
        exitCode = 1;
      }
    }
    this.#control.send({ t: "drained", ...total }, () => process.exit(exitCode));
  }
}
