/** The table of HTTP routes. The JSON API, metrics and dashboard join it later. */

/** What a route answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What the routes need of the other rooms, given in by worker/. */
export interface HttpContext {
  /** Why this worker is not ready; empty if it is. */
  readonly notReady: () => readonly string[];
}

export type Route = (context: HttpContext) => Promise<Answer>;

export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  // The process lives and its event loop turns. Says nothing of the store: restarting would not mend that.
  ["/healthz", async () => ({ status: 200, body: { status: "ok" } })],
  // Jobs can be handed over: the listeners serve, the store takes changes, no drain has begun.
  [
    "/readyz",
    async ({ notReady }) => {
      const reasons = notReady();
      return reasons.length === 0
        ? { status: 200, body: { status: "ready" } }
        : { status: 503, body: { status: "not ready", reasons } };
    },
  ],
]);
