// The machine behind `startSupervisor`: opens the sockets, starts the workers, obeys calls and signals, and ends when all are gone.
import { startBeat } from "./beat.ts";
import { openControl } from "./control/server.ts";
import type { ControlServer } from "./control/server.ts";
import { SupervisorError } from "./errors.ts";
import { Fleet } from "./fleet.ts";
import { maxOpenFiles } from "./limits.ts";
import { checkPayload } from "./messages.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, SupervisorChanges } from "./options.ts";
import { startReaping } from "./orphans.ts";
import type { ProcessFiles } from "./process-files.ts";
import { Reloads } from "./reloads.ts";
import { followParent, installSignals } from "./signals.ts";
import { ServiceManager } from "./service-manager.ts";
import { growSlots, keepSlots, openSlots } from "./slots.ts";
import type { Slots } from "./slots.ts";
import { retiredStatus, slotStatus } from "./slot.ts";
import type { Phase, ReloadResult, SupervisorStatus } from "./status.ts";
import type { CarriedState } from "./upgrade/carried.ts";
import { upgrade } from "./upgrade/upgrade.ts";
import type { WorkerHandle } from "./worker-handle.ts";

/** One supervisor, from its start to its end. */
export class SupervisorMachine {
  readonly done: Promise<number>;
  readonly #startTime: Date;
  /** What the program before this one has left in this process. */
  readonly #carried: CarriedState | undefined;
  /** The reload that it was in the middle of. */
  #resumed: Promise<ReloadResult> | undefined;
  #options: CheckedOptions;
  readonly #fleet: Fleet;
  readonly #files: ProcessFiles;
  readonly #started = Promise.withResolvers<void>();
  readonly #finish: (exitCode: number) => void;
  readonly #serviceManager: ServiceManager;
  #phase: Phase = "starting";
  #sockets: Slots | undefined;
  #control: ControlServer | undefined;
  #failure: SupervisorError | undefined;
  #exitCode = 0;
  readonly #reloads: Reloads;
  /** Somebody asked for a reload, which checks the version on disk; a change of the number of workers does not. */
  #checks = false;
  #stopBeat = (): void => {};
  #stopReaping = (): void => {};
  #killTimer: NodeJS.Timeout | undefined;

  constructor(options: CheckedOptions, files: ProcessFiles, carried?: CarriedState) {
    this.#options = options;
    this.#files = files;
    this.#carried = carried;
    this.#startTime = carried === undefined ? new Date() : new Date(carried.startTime);
    this.#fleet = new Fleet(
      {
        options: () => this.#options,
        phase: () => this.#phase,
        listeners: () => this.#sockets?.listeners ?? [],
        openSockets: (workers) => {
          if (this.#sockets) this.#sockets = growSlots(this.#sockets, workers, this.#options.logger);
        },
        onReady: () => this.#onReady(),
        onGone: (worker) => this.#onGone(worker),
      },
      carried,
    );
    this.#serviceManager = new ServiceManager(process.env, options.logger);
    ({ promise: this.done, resolve: this.#finish } = Promise.withResolvers<number>());
    const isRunning = (): boolean => this.#phase === "running";
    const host = { serviceManager: this.#serviceManager, isRunning, workers: () => this.#fleet.slots.length };
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
      hook: (signal) => this.#files.hear(signal, this.#fleet.alive),
    });
    try {
      this.#stopReaping = startReaping((pid) => this.#fleet.has(pid));
      followParent(() => void this.stop("parent's death"));
      this.#stopBeat = startBeat(this.#fleet.alive, this.#options.watchdogMs, this.#serviceManager);
      if (this.#carried === undefined) await this.#begin();
      else await this.#resume(this.#carried);
      await this.#openControl();
    } catch (error) {
      this.#stopBeat();
      this.#stopReaping();
      clearTimeout(this.#killTimer);
      removeSignals();
      throw error;
    }
    const { slots, unpinned } = this.#fleet;
    const how = this.#carried === undefined ? "started" : "upgraded";
    const why = unpinned === undefined ? {} : { unpinned };
    const what = { workers: slots.length, listeners: this.listeners, maxOpenFiles: maxOpenFiles() };
    logger.info(how, { ...what, ...why });
    if (this.#carried === undefined) this.#serviceManager.ready(slots.length);
  }

  async #begin(): Promise<void> {
    this.#sockets = await openSlots(this.#options.listeners, this.#fleet.slots.length);
    if (this.#phase !== "starting") this.#end();
    else {
      try {
        this.#fleet.start();
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
  async #resume(carried: CarriedState): Promise<void> {
    const { listeners } = carried;
    this.#sockets = keepSlots(listeners);
    this.#phase = "running";
    this.#fleet.adopt(carried);
    try {
      const sockets = await openSlots(this.#options.listeners, this.#fleet.slots.length, listeners);
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
      unpinned: this.#fleet.unpinned,
      maxOpenFiles: maxOpenFiles(),
      workers: [
        ...this.#fleet.slots.map(slotStatus),
        ...this.#fleet.retired.filter(({ predecessor }) => predecessor !== undefined).map(retiredStatus),
      ],
    };
  }

  broadcast(topic: string, payload: string): void {
    checkPayload(payload);
    this.#fleet.tellAll({ t: "broadcast", topic, payload });
  }

  update({ env, drainTimeoutMs, workers }: SupervisorChanges): void {
    const before = this.#options.workers;
    this.#options = checkOptions({
      ...this.#options,
      ...(env === undefined ? {} : { env }),
      ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }),
      ...(workers === undefined ? {} : { workers }),
    });
    if (drainTimeoutMs !== undefined) this.#fleet.tellAll({ t: "drainTimeout", drainTimeoutMs });
    // How it ends is in the log.
    if (this.#options.workers !== before) void this.#reloads.ask().catch(() => {});
  }

  stop(cause: string): Promise<number> {
    if (this.#phase === "stopping" || this.#phase === "stopped") return this.done;
    const { drainTimeoutMs, logger } = this.#options;
    logger.info("stopping", { cause, drainTimeoutMs });
    this.#serviceManager.stopping();
    if (this.#phase === "starting")
      this.#failure ??= new SupervisorError("STOPPED", `stopped by ${cause} before all workers were ready`);
    this.#phase = "stopping";
    this.#fleet.stopRestarts();
    this.#killTimer = setTimeout(() => this.#killAll("drain deadline", 1), drainTimeoutMs);
    for (const worker of this.#fleet.alive) worker.drain(drainTimeoutMs);
    // The workers hold copies. When they close theirs too, new connections are refused instead of waiting for nobody.
    this.#sockets?.close();
    if (this.#sockets && this.#fleet.alive.size === 0) this.#end();
    return this.done;
  }

  reload(cause: string): Promise<ReloadResult> {
    this.#options.logger.info("reload asked for", { cause });
    this.#checks = true;
    return this.#reloads.ask();
  }

  async #replaceAll(): Promise<ReloadResult> {
    // The one that goes on after an upgrade: the version that was checked is this one.
    const goesOn = this.#carried !== undefined && this.#resumed === undefined;
    if (goesOn) return this.#fleet.replaceAll({ time: this.#carried.reloadTime, upgraded: true });
    const time = Date.now();
    const checks = this.#checks;
    this.#checks = false;
    if (checks) {
      const host = {
        ...{ fleet: this.#fleet, options: this.#options, startTime: this.#startTime, control: this.#control },
        ...{ listeners: this.#sockets?.listeners ?? [], phase: () => this.#phase, files: this.#files },
      };
      await upgrade(host, time);
    }
    return this.#fleet.replaceAll({ time, upgraded: false });
  }

  #killAll(reason: string, exitCode: number): void {
    if (this.#fleet.alive.size === 0) return;
    this.#exitCode = exitCode;
    for (const worker of this.#fleet.alive) worker.kill(reason);
  }

  #end(): void {
    this.#phase = "stopped";
    this.#stopBeat();
    this.#stopReaping();
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

  #onReady(): void {
    if (this.#phase !== "starting") return;
    if (!this.#fleet.slots.every(({ worker }) => worker?.state === "ready")) return;
    this.#phase = "running";
    this.#started.resolve();
  }

  #onGone({ slot, ending }: WorkerHandle): void {
    if (this.#phase === "starting") {
      const message = `worker ${slot} failed before it was ready: ${ending}`;
      this.#failure = new SupervisorError("WORKER_FAILED", message);
      void this.stop("failed start");
    } else if (this.#fleet.alive.size === 0 && this.#phase === "stopping") this.#end();
  }
}
