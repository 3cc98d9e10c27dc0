import { setImmediate as afterTurn } from "node:timers";

/** @returns numbers from 0 (inclusive) to 1 (exclusive), the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Runs pieces of work one at a time, in a random order, some turns of the event loop later, and gives their answers in
 * another random order. Work never runs before the call that brought it has returned.
 */
export class Turns {
  readonly #random: () => number;
  readonly #steps: (() => void)[] = [];
  #running: Promise<void> | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  run<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#steps.push(() => {
      try {
        const result = work();
        this.#steps.push(() => resolve(result));
      } catch (error) {
        this.#steps.push(() => reject(error));
      }
    });
    this.#running ??= this.#loop();
    return promise;
  }

  /** Resolves once all work is done and answered. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#steps.length > 0) {
      await this.#pause();
      const [step] = this.#steps.splice(Math.floor(this.#random() * this.#steps.length), 1);
      step?.();
    }
    this.#running = undefined;
  }

  /** Some microtasks, or the rest of this turn of the event loop. */
  async #pause(): Promise<void> {
    if (this.#random() < 0.3) return new Promise((resolve) => void afterTurn(resolve));
    for (let microtasks = Math.floor(this.#random() * 5); microtasks >= 0; microtasks--)
      await Promise.resolve();
    return undefined;
  }
}
