// Which worker accepts on which slot. A slot whose own worker is not ready is an empty slot: the kernel goes on sending it
// its share of new connections, so a ready sibling has to accept them.

import type { Slot } from "./slot.ts";

/** What `decideCoverage` knows of one slot; the index in the array is the slot's number. */
export interface SlotCover {
  /** Its own worker accepts on it. */
  ready: boolean;
  /** The slot of the sibling that accepts on it in its place. */
  adopter: number | undefined;
}

export interface CoverageChange {
  action: "adopt" | "release";
  /** The slot whose worker is told. */
  worker: number;
  /** The slot that it is told to take or leave. */
  slot: number;
}

/**
 * Decides what has to change so that every slot is accepted on by exactly one ready worker, as far as there are any.
 * The sibling with the fewest adopted slots is taken, the next in the ring among equals.
 */
export function decideCoverage(slots: readonly SlotCover[]): CoverageChange[] {
  const changes: CoverageChange[] = [];
  const load = slots.map(() => 0);
  const empty: number[] = [];
  for (const [slot, { ready, adopter }] of slots.entries()) {
    const adopterReady = adopter !== undefined && slots[adopter]?.ready === true;
    if (ready && adopter !== undefined) changes.push({ action: "release", worker: adopter, slot });
    else if (!ready && adopterReady) load[adopter] = (load[adopter] ?? 0) + 1;
    else if (!ready) empty.push(slot);
  }
  for (const slot of empty) {
    const worker = leastLoaded(slots, load, slot);
    if (worker === undefined) break;
    load[worker] = (load[worker] ?? 0) + 1;
    changes.push({ action: "adopt", worker, slot });
  }
  return changes;
}

/** Tells workers which slots to stand in for, and which not any more. */
export function coverSlots(slots: readonly Slot[]): void {
  const covers = slots.map(({ worker, successor, adopter }) => ({
    ready: worker?.state === "ready" || successor?.state === "ready",
    adopter,
  }));
  for (const { action, worker, slot } of decideCoverage(covers)) {
    const covered = slots[slot];
    if (covered) covered.adopter = action === "adopt" ? worker : undefined;
    const sibling = slots[worker];
    const to = sibling?.worker?.state === "ready" ? sibling.worker : sibling?.successor;
    to?.send({ t: action, slot });
  }
}

function leastLoaded(slots: readonly SlotCover[], load: readonly number[], slot: number): number | undefined {
  let best: number | undefined;
  for (let step = 1; step < slots.length; step++) {
    const candidate = (slot + step) % slots.length;
    if (!slots[candidate]?.ready) continue;
    if (best === undefined || (load[candidate] ?? 0) < (load[best] ?? 0)) best = candidate;
  }
  return best;
}
