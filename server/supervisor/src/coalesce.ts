/**
 * Lets calls share runs of `work`, which never overlap. A call that comes while one runs gets the next, which begins when that has
 * ended, so that a call never gets the result of a run that began before it. A thousand calls at once make two runs.
 */
export function coalesce<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const run = work().finally(() => {
      if (running === run) running = undefined;
    });
    return (running = run);
  };
  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return start();
    next = running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
