// The workers of a supervisor: one on each slot, and those that come and go in a reload. Every state change of a slot happens here
// and in the rollouts, in answer to a worker's event, a timer or a reload.
import { countWorkers } from "./affinity.ts";
import { decideRestart } from "./backoff.ts";
import type { Death } from "./backoff.ts";
import { coverSlots } from "./coverage.ts";
import type { SupervisorMessage } from "./messages.ts";
import type { CheckedOptions } from "./options.ts";
import { endWorker, rollOut } from "./rollout.ts";
import type { Beginning } from "./rollout.ts";
import type { SlotListener } from "./slots.ts";
import { newSlot, pinSlots } from "./slot.ts";
import type { Slot } from "./slot.ts";
import type { Phase, ReloadResult } from "./status.ts";
import { adoptWorkers } from "./upgrade/adopt.ts";
import type { CarriedState } from "./upgrade/carried.ts";
import { WorkerHandle } from "./worker-handle.ts";
import type { WorkerEvents } from "./worker-handle.ts";

/** What the workers take from the machine. */
export interface FleetHost {
  readonly options: () => CheckedOptions;
  readonly phase: () => Phase;
  readonly listeners: () => readonly SlotListener[];
  /** Sees to it that there are sockets for so many. */
  readonly openSockets: (workers: number) => void;
  readonly onReady: () => void;
  /** A worker is gone, and what follows from it among the workers has been done. */
  readonly onGone: (worker: WorkerHandle) => void;
}

const stillborn: Death = { livedMs: 0, killedByOthers: false };

export class Fleet {
  readonly slots: Slot[] = [];
  /**
   * Slots that there are no workers for any more, by index above those that have some. What is queued on their sockets is accepted by all
   * workers: a socket that was closed would reset it.
   */
  readonly retired: Slot[];
  /** Every process that is not gone. */
  readonly alive = new Set<WorkerHandle>();
  /** Why the workers are not pinned. */
  unpinned: string | undefined;
  readonly #host: FleetHost;

  constructor(host: FleetHost, carried?: CarriedState) {
    this.#host = host;
    this.retired = (carried?.slots ?? []).map((slot, index) => newSlot(index, slot));
    const workers = carried === undefined ? countWorkers(host.options().workers) : carried.slots.length;
    this.#addSlots(carried?.workers ?? workers);
  }

  /** Starts the first worker of each slot. */
  start(): void {
    for (const slot of this.slots) slot.worker = this.#spawn(slot);
  }

  /** Takes over those that the program before this one has left. */
  adopt({ slots }: CarriedState): void {
    for (const slot of [...this.slots, ...this.retired]) {
      const adopted = adoptWorkers(slot, slots[slot.index], this.#host.options(), this.#eventsOf(slot));
      for (const worker of adopted) this.alive.add(worker);
    }
    for (const slot of this.slots) if (slot.worker === undefined) this.#scheduleRestart(slot, stillborn);
    coverSlots(this.slots);
  }

  /**
   * Replaces all workers, and brings their number to what the options say by now: additional ones come after the others, and those
   * that are too many end when all that stay have been replaced and accept for them.
   */
  async replaceAll(beginning: Beginning): Promise<ReloadResult> {
    const workers = countWorkers(this.#host.options().workers);
    // Where the sockets are closed, none is opened: the rollout says why nothing is replaced.
    if (this.#host.phase() === "running") {
      this.#host.openSockets(workers);
      this.#addSlots(workers);
    }
    const host = {
      ...{ slots: this.slots, workers, options: this.#host.options(), phase: this.#host.phase },
      spawn: (slot: Slot) => this.#spawn(slot, workers),
    };
    try {
      const result = await rollOut(host, beginning);
      await this.#retireSlots(workers);
      return result;
    } finally {
      // Those that were added before it failed.
      if (this.#host.phase() === "running")
        for (const slot of this.slots)
          if (slot.worker === undefined && slot.restartTimer === undefined)
            this.#scheduleRestart(slot, stillborn);
    }
  }

  /** Whether this is the process of one of them. */
  has(pid: number): boolean {
    return [...this.alive].some((worker) => worker.pid === pid);
  }

  tellAll(message: SupervisorMessage, except?: WorkerHandle): void {
    for (const worker of this.alive) if (worker !== except) worker.send(message);
  }

  /** Nothing is started any more. */
  stopRestarts(): void {
    for (const slot of this.slots) clearTimeout(slot.restartTimer);
  }

  #addSlots(workers: number): void {
    // A slot that comes back goes on with its generations: no two processes have the same.
    while (this.slots.length < workers) this.slots.push(this.retired.shift() ?? newSlot(this.slots.length));
    this.unpinned = pinSlots(this.slots.slice(0, workers), this.#host.options().pin);
  }

  async #retireSlots(workers: number): Promise<void> {
    const { drainTimeoutMs } = this.#host.options();
    for (const slot of this.slots.slice(workers)) await slot.predecessor?.gone;
    const removed = this.slots.splice(workers);
    this.retired.unshift(...removed);
    for (const slot of this.slots) if ((slot.adopter ?? 0) >= workers) slot.adopter = undefined;
    coverSlots(this.slots);
    for (const slot of removed) {
      clearTimeout(slot.restartTimer);
      slot.restartTimer = undefined;
      slot.adopter = undefined;
      slot.predecessor = slot.worker;
      slot.worker = undefined;
      if (slot.predecessor !== undefined) endWorker(slot.predecessor, drainTimeoutMs);
    }
  }

  /** Starts a process on a slot; what it is there is the caller's to say. */
  #spawn(slot: Slot, workers = this.slots.length): WorkerHandle {
    slot.generation++;
    const spec = {
      slot: slot.index,
      generation: slot.generation,
      workers,
      slotPeers: [...this.alive]
        .filter((worker) => worker.slot === slot.index)
        .map(({ generation }) => generation),
      cpu: slot.cpu,
      listeners: this.#host.listeners(),
      options: this.#host.options(),
    };
    const worker = WorkerHandle.start(spec, this.#eventsOf(slot));
    this.alive.add(worker);
    return worker;
  }

  #eventsOf(slot: Slot): WorkerEvents {
    return {
      onReady: (worker) => this.#onReady(slot, worker),
      onGone: (gone) => this.#onGone(slot, gone),
      onBroadcast: (from, topic, payload) => this.tellAll({ t: "broadcast", topic, payload }, from),
    };
  }

  #onReady(slot: Slot, { generation, pid }: WorkerHandle): void {
    this.#host.options().logger.info("worker ready", { slot: slot.index, generation, pid });
    this.#host.onReady();
    if (this.#host.phase() === "running") coverSlots(this.slots);
  }

  #onGone(slot: Slot, worker: WorkerHandle): void {
    const { generation, pid, ending, livedMs, drained } = worker;
    const { logger } = this.#host.options();
    const phase = this.#host.phase();
    this.alive.delete(worker);
    const role = slot.worker === worker ? "worker" : slot.successor === worker ? "successor" : "predecessor";
    slot[role] = undefined;
    if (role === "worker")
      for (const covered of this.slots) if (covered.adopter === slot.index) covered.adopter = undefined;
    // First of all: a sibling takes the queue over before anything is logged or spawned.
    if (phase === "running") coverSlots(this.slots);
    if (pid !== undefined) this.tellAll({ t: "workerExit", slot: slot.index, generation, pid });
    const place = { slot: slot.index, generation, pid };
    const fields = { ...place, livedMs: Math.round(livedMs), ending, ...drained };
    const told = phase === "stopping" || role === "predecessor";
    if (told && worker.clean) logger.info("worker ended", fields);
    else {
      slot.deaths++;
      logger.warn("worker died", fields);
    }
    if (phase === "running" && role === "worker") this.#scheduleRestart(slot, worker);
    this.#host.onGone(worker);
  }

  #scheduleRestart(slot: Slot, death: Death): void {
    const { delayMs, failures } = decideRestart(death, slot.failures, Math.random());
    const { logger } = this.#host.options();
    slot.failures = failures;
    const restart = (): void => {
      slot.restartTimer = undefined;
      try {
        slot.worker = this.#spawn(slot);
      } catch (error) {
        // Out of descriptors or memory: the same as a worker that dies at once.
        logger.error("cannot start worker", { slot: slot.index, error: String(error) });
        this.#scheduleRestart(slot, stillborn);
      }
    };
    if (delayMs === 0) return restart();
    logger.info("worker starts later", { slot: slot.index, delayMs: Math.round(delayMs) });
    slot.restartTimer = setTimeout(restart, delayMs);
  }
}
