// The machine behind `startSupervisor`. It opens the sockets, keeps one worker on each slot, and owns every state change of a slot;
// all of them happen here, in answer to a worker's event, a timer, a call or a signal.
import os from "node:os";

import { countWorkers, decidePinning, readAllowedCpus } from "./affinity.ts";
import type { Pinning } from "./affinity.ts";
import { decideRestart } from "./backoff.ts";
import { startBeat } from "./beat.ts";
import { coalesce } from "./coalesce.ts";
import { openControl } from "./control/server.ts";
import type { ControlServer } from "./control/server.ts";
import { decideCoverage } from "./coverage.ts";
import { SupervisorError } from "./errors.ts";
import { MAX_PAYLOAD_BYTES } from "./messages.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, SupervisorChanges } from "./options.ts";
import { rollOut } from "./rollout.ts";
import { followParent, installSignals } from "./signals.ts";
import { ServiceManager } from "./service-manager.ts";
import { openSlots } from "./slots.ts";
import type { Slots } from "./slots.ts";
import { newSlot, slotStatus } from "./slot.ts";
import type { Slot } from "./slot.ts";
import type { Phase, ReloadResult, SupervisorStatus } from "./status.ts";
import { WorkerHandle } from "./worker-handle.ts";

/** One supervisor, from its start to its end. */
export class SupervisorMachine {
  readonly done: Promise<number>;
  listeners: { name: string; address: string }[] = [];

  readonly #startTime = new Date();
  #options: CheckedOptions;
  readonly #pinning: Pinning;
  readonly #slots: Slot[];
  /** Every process that is not gone. */
  readonly #alive = new Set<WorkerHandle>();
  readonly #started = Promise.withResolvers<void>();
  readonly #finish: (exitCode: number) => void;
  readonly #serviceManager: ServiceManager;
  #phase: Phase = "starting";
  #sockets: Slots | undefined;
  #control: ControlServer | undefined;
  #failure: SupervisorError | undefined;
  #exitCode = 0;
  readonly #reload: () => Promise<ReloadResult>;
  readonly #reloads = new Set<Promise<ReloadResult>>();
  #stopBeat = (): void => {};
  #killTimer: NodeJS.Timeout | undefined;

  constructor(options: CheckedOptions) {
    this.#options = options;
    const workers = countWorkers(options.workers);
    const parallelism = os.availableParallelism();
    this.#pinning = decidePinning({ pin: options.pin, workers, allowedCpus: readAllowedCpus(), parallelism });
    const cpus = this.#pinning.pinned ? this.#pinning.cpus : [];
    this.#slots = Array.from({ length: workers }, (_, index) => newSlot(index, cpus[index]));
    this.#serviceManager = new ServiceManager(process.env, options.logger);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.done = promise;
    this.#finish = resolve;
    this.#reload = coalesce(() =>
      rollOut({
        slots: this.#slots,
        options: this.#options,
        phase: () => this.#phase,
        spawn: (slot) => this.#spawn(slot),
        coverSlots: () => this.#coverSlots(),
      }),
    );
  }

  async start(): Promise<void> {
    const { logger } = this.#options;
    const removeSignals = installSignals({
      stop: (signal) => void this.stop(signal),
      kill: () => this.#killAll("second SIGINT", 130),
      // How it ends is in the log.
      reload: (signal) => void this.reload(signal).catch(() => {}),
      hook: (signal) => this.#options.onSignal(signal),
    });
    try {
      followParent(() => void this.stop("parent's death"));
      this.#sockets = await openSlots(this.#options.listeners, this.#slots.length);
      this.listeners = this.#sockets.listeners.map(({ name, address }) => ({ name, address }));
      if (this.#phase === "starting") {
        this.#stopBeat = startBeat(this.#alive, this.#options.watchdogMs, this.#serviceManager);
        this.#spawnAll();
      } else this.#end();
      await this.#started.promise;
      await this.#openControl();
    } catch (error) {
      clearTimeout(this.#killTimer);
      removeSignals();
      throw error;
    }
    this.#serviceManager.ready(this.#slots.length);
    const unpinned = this.#pinning.pinned ? {} : { unpinned: this.#pinning.reason };
    logger.info("started", { workers: this.#slots.length, listeners: this.listeners, ...unpinned });
  }

  /** Last: what keeps the workers from starting is the better error. */
  async #openControl(): Promise<void> {
    const { controlPath } = this.#options;
    if (controlPath === undefined) return;
    try {
      this.#control = await openControl(controlPath, {
        reload: () => this.reload("control socket"),
        status: () => this.status(),
      });
    } catch (error) {
      await this.stop("failed start");
      throw error;
    }
  }

  status(): SupervisorStatus {
    return {
      pid: process.pid,
      phase: this.#phase,
      startTime: this.#startTime.toISOString(),
      version: this.#options.version,
      nodeVersion: process.version,
      listeners: this.listeners,
      unpinned: this.#pinning.pinned ? undefined : this.#pinning.reason,
      workers: this.#slots.map(slotStatus),
    };
  }

  broadcast(topic: string, payload: string): void {
    const bytes = Buffer.byteLength(payload);
    if (bytes > MAX_PAYLOAD_BYTES)
      throw new RangeError(`payload has ${bytes} bytes, more than ${MAX_PAYLOAD_BYTES}`);
    for (const worker of this.#alive) worker.send({ t: "broadcast", topic, payload });
  }

  update({ env, drainTimeoutMs }: SupervisorChanges): void {
    this.#options = checkOptions({
      ...this.#options,
      ...(env === undefined ? {} : { env }),
      ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }),
    });
    if (drainTimeoutMs === undefined) return;
    for (const worker of this.#alive) worker.send({ t: "drainTimeout", drainTimeoutMs });
  }

  stop(cause: string): Promise<number> {
    if (this.#phase === "stopping" || this.#phase === "stopped") return this.done;
    const { drainTimeoutMs, logger } = this.#options;
    logger.info("stopping", { cause, drainTimeoutMs });
    this.#serviceManager.stopping();
    if (this.#phase === "starting")
      this.#failure ??= new SupervisorError("STOPPED", `stopped by ${cause} before all workers were ready`);
    this.#phase = "stopping";
    for (const slot of this.#slots) clearTimeout(slot.restartTimer);
    this.#killTimer = setTimeout(() => this.#killAll("drain deadline", 1), drainTimeoutMs);
    for (const worker of this.#alive) worker.drain(drainTimeoutMs);
    // The workers hold copies. When they close theirs too, new connections are refused instead of waiting for nobody.
    this.#sockets?.close();
    if (this.#sockets && this.#alive.size === 0) this.#end();
    return this.done;
  }

  reload(cause: string): Promise<ReloadResult> {
    this.#options.logger.info("reload asked for", { cause });
    const reload = this.#reload();
    this.#reloads.add(reload);
    this.#serviceManager.reloading();
    void reload
      .catch(() => {})
      .finally(() => {
        this.#reloads.delete(reload);
        // What failed left the old workers, and they are ready.
        if (this.#reloads.size === 0 && this.#phase === "running")
          this.#serviceManager.ready(this.#slots.length);
      });
    return reload;
  }

  #killAll(reason: string, exitCode: number): void {
    if (this.#alive.size === 0) return;
    this.#exitCode = exitCode;
    for (const worker of this.#alive) worker.kill(reason);
  }

  #end(): void {
    this.#phase = "stopped";
    this.#stopBeat();
    clearTimeout(this.#killTimer);
    this.#sockets?.close();
    if (this.#failure) this.#started.reject(this.#failure);
    else this.#options.logger.info("stopped", { exitCode: this.#exitCode });
    // Whoever asked for a reload hears of it before the process ends.
    void Promise.allSettled(this.#reloads).then(() => {
      this.#control?.close();
      this.#finish(this.#exitCode);
    });
  }

  #spawnAll(): void {
    try {
      for (const slot of this.#slots) slot.worker = this.#spawn(slot);
    } catch (cause) {
      this.#failure = new SupervisorError("WORKER_FAILED", `cannot start the workers: ${String(cause)}`, {
        cause,
      });
      void this.stop("failed start");
    }
  }

  /** Starts a process on a slot; what it is there is the caller's to say. */
  #spawn(slot: Slot): WorkerHandle {
    slot.generation++;
    const spec = {
      slot: slot.index,
      generation: slot.generation,
      workers: this.#slots.length,
      slotPeers: [...this.#alive]
        .filter((worker) => worker.slot === slot.index)
        .map(({ generation }) => generation),
      cpu: slot.cpu,
      listeners: this.#sockets?.listeners ?? [],
      options: this.#options,
    };
    const worker = new WorkerHandle(spec, {
      onReady: (worker) => this.#onReady(slot, worker),
      onGone: (gone) => this.#onGone(slot, gone),
      onBroadcast: (from, topic, payload) => {
        for (const to of this.#alive) if (to !== from) to.send({ t: "broadcast", topic, payload });
      },
    });
    this.#alive.add(worker);
    return worker;
  }

  #onReady(slot: Slot, { generation, pid }: WorkerHandle): void {
    this.#options.logger.info("worker ready", { slot: slot.index, generation, pid });
    if (this.#phase === "starting" && this.#slots.every(({ worker }) => worker?.state === "ready")) {
      this.#phase = "running";
      this.#started.resolve();
    }
    if (this.#phase === "running") this.#coverSlots();
  }

  #onGone(slot: Slot, worker: WorkerHandle): void {
    const { generation, pid, ending, livedMs } = worker;
    this.#alive.delete(worker);
    const role = slot.worker === worker ? "worker" : slot.successor === worker ? "successor" : "predecessor";
    slot[role] = undefined;
    if (role === "worker")
      for (const covered of this.#slots) if (covered.adopter === slot.index) covered.adopter = undefined;
    // First of all: a sibling takes the queue over before anything is logged or spawned.
    if (this.#phase === "running") this.#coverSlots();
    if (pid !== undefined) {
      for (const to of this.#alive) to.send({ t: "workerExit", slot: slot.index, generation, pid });
    }
    const fields = {
      slot: slot.index,
      generation,
      pid,
      livedMs: Math.round(livedMs),
      ending,
      ...worker.drained,
    };
    const told = this.#phase === "stopping" || role === "predecessor";
    if (told && worker.clean) this.#options.logger.info("worker ended", fields);
    else {
      slot.deaths++;
      this.#options.logger.warn("worker died", fields);
    }

    if (this.#phase === "starting") {
      this.#failure = new SupervisorError(
        "WORKER_FAILED",
        `worker ${slot.index} failed before it was ready: ${ending}`,
      );
      void this.stop("failed start");
    } else if (this.#phase === "running" && role === "worker") this.#scheduleRestart(slot, livedMs);
    else if (this.#alive.size === 0 && this.#phase === "stopping") this.#end();
  }

  #scheduleRestart(slot: Slot, livedMs: number): void {
    const { delayMs, failures } = decideRestart(livedMs, slot.failures, Math.random());
    slot.failures = failures;
    const restart = (): void => {
      try {
        slot.worker = this.#spawn(slot);
      } catch (error) {
        // Out of descriptors or memory: the same as a worker that dies at once.
        this.#options.logger.error("cannot start worker", { slot: slot.index, error: String(error) });
        this.#scheduleRestart(slot, 0);
      }
    };
    if (delayMs === 0) restart();
    else slot.restartTimer = setTimeout(restart, delayMs);
  }

  #coverSlots(): void {
    const covers = this.#slots.map(({ worker, successor, adopter }) => ({
      ready: worker?.state === "ready" || successor?.state === "ready",
      adopter,
    }));
    for (const { action, worker, slot } of decideCoverage(covers)) {
      const covered = this.#slots[slot];
      if (covered) covered.adopter = action === "adopt" ? worker : undefined;
      const sibling = this.#slots[worker];
      const to = sibling?.worker?.state === "ready" ? sibling.worker : sibling?.successor;
      to?.send({ t: action, slot });
    }
  }
}
