/** Room for work under way, bounded in number and in bytes. One caller takes; many give back. */
export interface Slots {
  /** Resolves when there is room, and takes it. What is larger than all of the room waits until it is alone. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
  /** Makes the pending take() or idle(), and all later ones, reject. */
  break(error: unknown): void;
  /** Resolves when everything was given back. */
  idle(): Promise<void>;
}

export function createSlots(maxCount: number, maxBytes: number): Slots {
  let count = 0;
  let held = 0;
  let broken: { readonly error: unknown } | undefined;
  let waiting: { readonly ready: () => boolean; readonly wake: PromiseWithResolvers<void> } | undefined;

  async function until(ready: () => boolean): Promise<void> {
    if (broken === undefined && !ready()) {
      const wake = Promise.withResolvers<void>();
      waiting = { ready, wake };
      await wake.promise;
    }
    if (broken !== undefined) throw broken.error;
  }
  function wakeUp(): void {
    if (waiting === undefined || (broken === undefined && !waiting.ready())) return;
    const { wake } = waiting;
    waiting = undefined;
    wake.resolve();
  }

  return {
    async take(bytes) {
      await until(() => count === 0 || (count < maxCount && held + bytes <= maxBytes));
      count += 1;
      held += bytes;
    },
    give(bytes) {
      count -= 1;
      held -= bytes;
      wakeUp();
    },
    break(error) {
      broken ??= { error };
      wakeUp();
    },
    idle: () => until(() => count === 0),
  };
}
