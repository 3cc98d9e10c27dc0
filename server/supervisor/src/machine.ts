// The machine behind `startSupervisor`. It opens the sockets, keeps one worker on each slot, and owns every state change of a slot;
// all of them happen here, in answer to a worker's event, a timer, a call or a signal.
import { decideRestart } from "./backoff.ts";
import type { Death } from "./backoff.ts";
import { startBeat } from "./beat.ts";
import { openControl } from "./control/server.ts";
import type { ControlServer } from "./control/server.ts";
import { coverSlots } from "./coverage.ts";
import { SupervisorError } from "./errors.ts";
import { checkPayload } from "./messages.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, SupervisorChanges } from "./options.ts";
import { Reloads } from "./reloads.ts";
import { rollOut } from "./rollout.ts";
import { followParent, installSignals } from "./signals.ts";
import { ServiceManager } from "./service-manager.ts";
import { keepSlots, openSlots } from "./slots.ts";
import type { Slots } from "./slots.ts";
import { newSlots, slotStatus } from "./slot.ts";
import type { Slot } from "./slot.ts";
import type { Phase, ReloadResult, SupervisorStatus } from "./status.ts";
import { adoptWorkers } from "./upgrade/adopt.ts";
import type { CarriedState } from "./upgrade/carried.ts";
import { upgrade } from "./upgrade/upgrade.ts";
import { WorkerHandle } from "./worker-handle.ts";
import type { WorkerEvents } from "./worker-handle.ts";

const stillborn: Death = { livedMs: 0, killedByOthers: false };

/** One supervisor, from its start to its end. */
export class SupervisorMachine {
  readonly done: Promise<number>;
  readonly #startTime: Date;
  /** What the program before this one has left in this process. */
  readonly #carried: CarriedState | undefined;
  /** The reload that it was in the middle of. */
  #resumed: Promise<ReloadResult> | undefined;
  #options: CheckedOptions;
  /** Why the workers are not pinned. */
  readonly #unpinned: string | undefined;
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
  readonly #reloads: Reloads;
  #stopBeat = (): void => {};
  #killTimer: NodeJS.Timeout | undefined;

  constructor(options: CheckedOptions, carried?: CarriedState) {
    this.#options = options;
    this.#carried = carried;
    this.#startTime = carried === undefined ? new Date() : new Date(carried.startTime);
    ({ slots: this.#slots, unpinned: this.#unpinned } = newSlots(options, carried?.slots));
    this.#serviceManager = new ServiceManager(process.env, options.logger);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.done = promise;
    this.#finish = resolve;
    const isRunning = (): boolean => this.#phase === "running";
    const host = { serviceManager: this.#serviceManager, isRunning, workers: this.#slots.length };
    this.#reloads = new Reloads(host, () => this.#replaceAll());
  }

  get listeners(): { name: string; address: string }[] {
    return (this.#sockets?.listeners ?? []).map(({ name, address }) => ({ name, address }));
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
      this.#stopBeat = startBeat(this.#alive, this.#options.watchdogMs, this.#serviceManager);
      if (this.#carried === undefined) await this.#begin();
      else await this.#resume(this.#carried);
      await this.#openControl();
    } catch (error) {
      this.#stopBeat();
      clearTimeout(this.#killTimer);
      removeSignals();
      throw error;
    }
    const unpinned = this.#unpinned === undefined ? {} : { unpinned: this.#unpinned };
    const how = this.#carried === undefined ? "started" : "upgraded";
    logger.info(how, { workers: this.#slots.length, listeners: this.listeners, ...unpinned });
    if (this.#carried === undefined) this.#serviceManager.ready(this.#slots.length);
  }

  async #begin(): Promise<void> {
    this.#sockets = await openSlots(this.#options.listeners, this.#slots.length);
    if (this.#phase !== "starting") this.#end();
    else {
      try {
        for (const slot of this.#slots) slot.worker = this.#spawn(slot);
      } catch (cause) {
        this.#failure = new SupervisorError("WORKER_FAILED", `cannot start a worker: ${String(cause)}`, {
          cause,
        });
        void this.stop("failed start");
      }
    }
    await this.#started.promise;
  }

  /** Goes on where the program before this one was replaced by it. The workers serve, whatever else fails here. */
  async #resume({ slots, listeners }: CarriedState): Promise<void> {
    this.#sockets = keepSlots(listeners);
    this.#phase = "running";
    for (const slot of this.#slots) {
      const adopted = adoptWorkers(slot, slots[slot.index], this.#options, this.#eventsOf(slot));
      for (const worker of adopted) this.#alive.add(worker);
      if (slot.worker === undefined) this.#scheduleRestart(slot, stillborn);
    }
    coverSlots(this.#slots);
    try {
      const sockets = await openSlots(this.#options.listeners, this.#slots.length, listeners);
      if (this.#phase === "running") this.#sockets = sockets;
      else sockets.close();
    } catch (error) {
      this.#options.logger.error("cannot open the listeners of the new version", { error: String(error) });
    }
    // How it ends is in the log.
    this.#resumed = this.reload("upgrade");
    void this.#resumed.catch(() => {});
  }

  /** Last: what keeps the workers from starting is the better error. */
  async #openControl(): Promise<void> {
    const { controlPath } = this.#options;
    if (controlPath === undefined) return;
    try {
      this.#control = await openControl(
        controlPath,
        { reload: () => this.reload("control socket"), status: () => this.status() },
        this.#carried?.control && { ...this.#carried.control, reload: this.#resumed },
      );
    } catch (error) {
      if (this.#carried !== undefined) {
        this.#options.logger.error("no control socket", { error: String(error) });
        return;
      }
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
      unpinned: this.#unpinned,
      workers: this.#slots.map(slotStatus),
    };
  }

  broadcast(topic: string, payload: string): void {
    checkPayload(payload);
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
    return this.#reloads.ask();
  }

  async #replaceAll(): Promise<ReloadResult> {
    const machine = {
      ...{ slots: this.#slots, alive: this.#alive, options: this.#options, startTime: this.#startTime },
      ...{ listeners: this.#sockets?.listeners ?? [], control: this.#control },
      phase: () => this.#phase,
      spawn: (slot: Slot) => this.#spawn(slot),
    };
    // The one that goes on after an upgrade: the version that was checked is this one.
    if (this.#carried !== undefined && this.#resumed === undefined)
      return rollOut(machine, { time: this.#carried.reloadTime, upgraded: true });
    const time = Date.now();
    await upgrade(machine, time);
    return rollOut(machine, { time, upgraded: false });
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
    void this.#reloads.settled().then(() => {
      this.#control?.close();
      this.#finish(this.#exitCode);
    });
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
    const worker = WorkerHandle.start(spec, this.#eventsOf(slot));
    this.#alive.add(worker);
    return worker;
  }

  #eventsOf(slot: Slot): WorkerEvents {
    return {
      onReady: (worker) => this.#onReady(slot, worker),
      onGone: (gone) => this.#onGone(slot, gone),
      onBroadcast: (from, topic, payload) => {
        for (const to of this.#alive) if (to !== from) to.send({ t: "broadcast", topic, payload });
      },
    };
  }

  #onReady(slot: Slot, { generation, pid }: WorkerHandle): void {
    this.#options.logger.info("worker ready", { slot: slot.index, generation, pid });
    if (this.#phase === "starting" && this.#slots.every(({ worker }) => worker?.state === "ready")) {
      this.#phase = "running";
      this.#started.resolve();
    }
    if (this.#phase === "running") coverSlots(this.#slots);
  }

  #onGone(slot: Slot, worker: WorkerHandle): void {
    const { generation, pid, ending, livedMs, drained } = worker;
    this.#alive.delete(worker);
    const role = slot.worker === worker ? "worker" : slot.successor === worker ? "successor" : "predecessor";
    slot[role] = undefined;
    if (role === "worker")
      for (const covered of this.#slots) if (covered.adopter === slot.index) covered.adopter = undefined;
    // First of all: a sibling takes the queue over before anything is logged or spawned.
    if (this.#phase === "running") coverSlots(this.#slots);
    if (pid !== undefined) {
      for (const to of this.#alive) to.send({ t: "workerExit", slot: slot.index, generation, pid });
    }
    const place = { slot: slot.index, generation, pid };
    const fields = { ...place, livedMs: Math.round(livedMs), ending, ...drained };
    const told = this.#phase === "stopping" || role === "predecessor";
    if (told && worker.clean) this.#options.logger.info("worker ended", fields);
    else {
      slot.deaths++;
      this.#options.logger.warn("worker died", fields);
    }

    if (this.#phase === "starting") {
      const message = `worker ${slot.index} failed before it was ready: ${ending}`;
      this.#failure = new SupervisorError("WORKER_FAILED", message);
      void this.stop("failed start");
    } else if (this.#phase === "running" && role === "worker") this.#scheduleRestart(slot, worker);
    else if (this.#alive.size === 0 && this.#phase === "stopping") this.#end();
  }

  #scheduleRestart(slot: Slot, death: Death): void {
    const { delayMs, failures } = decideRestart(death, slot.failures, Math.random());
    slot.failures = failures;
    const restart = (): void => {
      try {
        slot.worker = this.#spawn(slot);
      } catch (error) {
        // Out of descriptors or memory: the same as a worker that dies at once.
        this.#options.logger.error("cannot start worker", { slot: slot.index, error: String(error) });
        this.#scheduleRestart(slot, stillborn);
      }
    };
    if (delayMs === 0) restart();
    else {
      this.#options.logger.info("worker starts later", { slot: slot.index, delayMs: Math.round(delayMs) });
      slot.restartTimer = setTimeout(restart, delayMs);
    }
  }
}
