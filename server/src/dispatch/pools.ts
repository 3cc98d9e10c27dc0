/**
 * Keep-alive connections, by origin and source address; two sources never share one. Bounded: for a new pool beyond the
 * bound the idle one that was used longest ago is closed. A pool in use is never closed, so there are at most as many
 * as the greater of the bound and the number of sends in flight.
 */
import { isIPv6 } from "node:net";
import { Pool } from "undici";
import { buildNotingConnector } from "./connections.ts";

export interface PoolOptions {
  /** For the TCP connection and the TLS handshake together. */
  readonly connectTimeoutMs: number;
  /** How long an idle connection is kept; a target's own, shorter hint wins. */
  readonly keepAliveMs: number;
  /** Read anew for each pool that is opened; `renew` closes those that are open. */
  readonly maxConnectionsPerOrigin: number;
  /** How many pools are kept. */
  readonly maxOrigins: number;
}

/** How to reach the target; decided for each send. */
export interface Route {
  /** Undefined: the one that the system chooses. */
  readonly sourceAddress: string | undefined;
}

/** The pool of one origin and source, while it is lent. */
export interface LentPool {
  readonly pool: Pool;
}

export interface Pools {
  /** Throws where `origin` is none that HTTP knows. Each call wants a `giveBack`. */
  lend(origin: string, route: Route): LentPool;
  giveBack(lent: LentPool): void;
  /** Opens new pools from now on; the old ones are closed as soon as they are not lent. */
  renew(): void;
  readonly size: number;
  /** Closes all connections, busy ones too; resolves when the last one is closed. */
  close(): Promise<void>;
}

interface KeptPool extends LentPool {
  lentCount: number;
  /** Not kept any more: closed when it is given back. */
  retired: boolean;
  /** Grows with each use, over all pools. */
  lastUse: number;
}

export function openPools(options: PoolOptions): Pools {
  const kept = new Map<string, KeptPool>();
  const closing = new Set<Promise<void>>();
  let uses = 0;

  function destroy(pool: Pool): void {
    // Not close(): a send that was given up while it waited for a connection still lies in the pool's queue.
    const closed = pool.destroy().finally(() => closing.delete(closed));
    closing.add(closed);
  }

  function makeRoom(): void {
    while (kept.size >= options.maxOrigins) {
      let oldestKey: string | undefined;
      let oldest: KeptPool | undefined;
      for (const [key, candidate] of kept) {
        if (candidate.lentCount > 0 || (oldest !== undefined && oldest.lastUse < candidate.lastUse)) continue;
        oldestKey = key;
        oldest = candidate;
      }
      if (oldestKey === undefined || oldest === undefined) return;
      kept.delete(oldestKey);
      destroy(oldest.pool);
    }
  }

  function lend(origin: string, { sourceAddress }: Route): LentPool {
    const key = sourceAddress === undefined ? origin : `${origin} ${sourceAddress}`;
    let entry = kept.get(key);
    if (entry === undefined) {
      const pool = openPool(origin, sourceAddress, options);
      makeRoom();
      entry = { pool, lentCount: 0, retired: false, lastUse: 0 };
      kept.set(key, entry);
    }
    entry.lentCount++;
    entry.lastUse = ++uses;
    return entry;
  }

  return {
    lend,
    giveBack(lent) {
      const entry = lent as KeptPool;
      entry.lentCount--;
      // A microtask later, since the last exchange may have ended inside undici's parser.
      if (entry.retired && entry.lentCount === 0) queueMicrotask(() => destroy(entry.pool));
    },
    renew() {
      for (const entry of kept.values()) {
        entry.retired = true;
        if (entry.lentCount === 0) destroy(entry.pool);
      }
      kept.clear();
    },
    get size() {
      return kept.size;
    },
    async close() {
      for (const { pool } of kept.values()) destroy(pool);
      kept.clear();
      await Promise.all(closing);
    },
  };
}

function openPool(origin: string, sourceAddress: string | undefined, options: PoolOptions): Pool {
  return new Pool(origin, {
    connections: options.maxConnectionsPerOrigin,
    // One request at a time on a connection. With more, undici sends what stood behind a failed one again.
    pipelining: 1,
    allowH2: false,
    useMilo: false,
    connect: buildNotingConnector({
      allowH2: false,
      timeout: options.connectTimeoutMs,
      ...(sourceAddress === undefined ? {} : { family: isIPv6(sourceAddress) ? 6 : 4 }),
    }),
    keepAliveTimeout: options.keepAliveMs,
    keepAliveMaxTimeout: options.keepAliveMs,
    // The attempt's own deadline covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Among the options of the connector it would be lost: undici's client puts its own over it.
    ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
  });
}
