/** What a process is to its supervisor. */
export type Place =
  | { role: "supervisor" }
  | {
      role: "worker";
      /** 0 to `workers` - 1. A successor has the same. */
      slot: number;
      /** Counts the processes of this slot, from 1. */
      generation: number;
      workers: number;
    };

declare global {
  /** Every copy of the package that the program loads reads this one. */
  var fieldpostPlace: Place | undefined;
}

/** Where it is known first. */
export function takePlace(place: Place): void {
  globalThis.fieldpostPlace = place;
}

/**
 * For code that runs in both: in a worker from its first line on, in a supervisor from its call of `startSupervisor` on. Undefined in any other
 * process, in what these start, and in threads (`node:worker_threads`).
 */
export function whoAmI(): Place | undefined {
  return globalThis.fieldpostPlace;
}
