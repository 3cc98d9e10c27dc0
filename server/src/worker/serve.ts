/** The process that serves: puts the parts together, starts them in order and drains them in order. */
import { existsSync } from "node:fs";
import { serveGrpc } from "@fieldpost/supervisor/grpc";
import { drainAll, joinSupervisor, serveHttp } from "@fieldpost/supervisor/worker";
import { createGrpcServer } from "../api/server.ts";
import { decideChanges } from "../config/changes.ts";
import type { Relay } from "../api/relay.ts";
import { openDispatcher } from "../dispatch/dispatcher.ts";
import { createHttpServer } from "../http/server.ts";
import { ClockWatch } from "../schedule/clock-watch.ts";
import { Heart } from "../schedule/heart.ts";
import { Janitor } from "../schedule/janitor.ts";
import { Recoverer } from "../schedule/recoverer.ts";
import { Scheduler } from "../schedule/scheduler.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import { changeLevel, createLogger } from "../telemetry/log.ts";
import { startTracing } from "../telemetry/tracing.ts";
import { productName, version } from "../config/version.ts";
import { createCanceller } from "./canceller.ts";
import { LiveConfig } from "./live-config.ts";
import { readMachineTime } from "./machine-time.ts";
import { configTopic, type ConfigRevision, type WorkerSettings } from "./settings.ts";

const leaseMs = 10_000;
const recoverEveryMs = 5_000;
const sweepEveryMs = 1_000;
const noteTimeEveryMs = 2_000;
/** Kept back from the drain's deadline, for the last outcomes to be recorded and the store to close. */
const closeMarginMs = 2000;

/** The name that a worker has in the store, in attempts and in traces. A sibling can tell it from the supervisor's news. */
export function workerName(instance: string, slot: number, generation: number): string {
  return `${instance}-${slot}.${generation}`;
}

/** Serves until the supervisor says to stop. */
export async function serveAsWorker({ instance, ...settings }: WorkerSettings): Promise<void> {
  const supervised = await joinSupervisor();
  const live = new LiveConfig(settings);
  // First of all: what is announced while this worker starts is heard as well.
  supervised.onBroadcast(configTopic, (payload) => live.take(JSON.parse(payload) as ConfigRevision));
  const name = workerName(instance, supervised.slot, supervised.generation);
  const log = createLogger({ level: live.current.logLevel, name });
  live.onChange((after, before) => {
    const changed = decideChanges(before, after).live;
    changeLevel(log, after.logLevel, () => log.info({ changed }, "configuration applied"));
  });
  const tracing = await startTracing(
    process.env,
    { name: productName, version, instanceId: name },
    (problem) => log.warn(problem),
  );
  for (const warning of tracing.warnings) log.warn(warning);
  const clock = Date.now;

  const die = (why: string) => (error?: unknown) => {
    log.fatal({ err: error }, why);
    process.exit(1);
  };
  const onStoreFailed = (error: unknown): void => {
    log.fatal(
      { err: error },
      "the store failed; this worker ends, so that nothing is acknowledged that is not on disk",
    );
    // Not exit(), which closes the store: SQLite would try again there what has failed.
    supervised.abort("the store failed");
  };
  // The first worker of its slot may make the file. A later one that does not find it must not begin an empty one.
  const path = live.current.store;
  if (supervised.generation > 1 && !existsSync(path))
    die("this worker does not begin another store in the place of the one that it served")(
      new Error(`${path} is gone`),
    );
  const store = await openSqliteStore({
    path,
    get maxDepth() {
      return live.current.maxDepth;
    },
    onFailed: onStoreFailed,
  });
  const number = await store.registerWorker({ name, now: clock(), leaseMs });
  let draining = false;

  const dispatcher = openDispatcher({
    get responseCapBytes() {
      return live.current.responseCapBytes;
    },
    userAgent: `${productName}/${version}`,
    connectTimeoutMs: 10_000,
    keepAliveMs: 30_000,
    get maxConnectionsPerOrigin() {
      return live.current.parallelSends;
    },
    maxOrigins: 1000,
  });
  const scheduler = new Scheduler({
    store,
    sender: dispatcher,
    worker: { number, name },
    get capacity() {
      return live.current.parallelSends;
    },
    clock,
    settleClock: () => clockWatch.settle(),
    random: Math.random,
    log,
    wakeOthers: () => supervised.broadcast("wake", ""),
    slowDownOthers: (origin) => supervised.broadcast("slow-down", origin),
    onStoreFailed,
  });
  const heart = new Heart({
    store,
    worker: number,
    leaseMs,
    clock,
    log,
    onLost: die("the lease is lost; this worker ends, so that nothing is sent twice"),
  });
  const clockWatch = new ClockWatch({
    store,
    readTime: readMachineTime,
    leaseMs,
    everyMs: noteTimeEveryMs,
    log,
  });
  const recoverer = new Recoverer({
    store,
    everyMs: recoverEveryMs,
    clock,
    log,
    settleClock: () => clockWatch.settle(),
    isSteady: () => heart.isSteady,
    onRequeued: () => {
      scheduler.wake();
      supervised.broadcast("wake", "");
    },
  });
  const janitor = new Janitor({
    store,
    clock,
    log,
    settleClock: () => clockWatch.settle(),
    everyMs: sweepEveryMs,
    get kept() {
      return live.current;
    },
  });
  live.onChange((after, before) => {
    if (after.parallelSends === before.parallelSends) return;
    dispatcher.renewPools();
    scheduler.fillUp();
  });
  supervised.onBroadcast("wake", () => scheduler.wake());
  supervised.onBroadcast("slow-down", (origin) => scheduler.slowDown(origin));
  supervised.onWorkerExit(({ slot, generation }) => {
    void recoverer.runOnce([workerName(instance, slot, generation)]);
  });

  const relay: Relay = {
    store,
    worker: number,
    handOver: scheduler,
    canceller: createCanceller({
      supervised,
      store,
      worker: number,
      abort(key, attempt) {
        if (!dispatcher.abort(key, attempt)) scheduler.cancel(key, attempt);
      },
    }),
    get limits() {
      return live.current;
    },
    clock,
  };
  const { maxConnectionAgeMs } = live.current;
  const grpc = createGrpcServer(relay, log, {
    get maxMessageBytes() {
      return live.current.maxMessageBytes;
    },
    maxConnectionAgeMs,
  });
  const http = createHttpServer(
    {
      notReady: () => {
        if (draining) return ["draining"];
        // Goes the way of every write: a store that only reads is no store to hand jobs to.
        return heart.age < leaseMs / 2 ? [] : [`the store has taken no change for ${heart.age} ms`];
      },
    },
    log,
  );

  heart.start();
  await clockWatch.runOnce();
  clockWatch.start();
  const servings = await Promise.all([
    serveGrpc({ server: grpc.server, credentials: grpc.credentials, listener: supervised.listener("grpc") }),
    serveHttp(http, supervised.listener("http"), { maxConnectionAgeMs: maxConnectionAgeMs ?? 0 }),
  ]);
  scheduler.start();
  recoverer.start();
  // One of them is enough; whoever is in its place goes on with it.
  if (supervised.slot === 0) janitor.start();
  // Nobody else may live to hear that the one before this one died. In a reload it lives, and finishes what it has.
  const before = Array.from({ length: supervised.generation - 1 }, (_, index) => index + 1);
  const ended = before.filter((generation) => !supervised.slotPeers.includes(generation));
  void recoverer.runOnce(ended.map((generation) => workerName(instance, supervised.slot, generation)));
  grpc.setServing(true);

  supervised.onDrain(async (deadlineMs) => {
    draining = true;
    grpc.setServing(false);
    const workMs = Math.max(deadlineMs / 2, deadlineMs - closeMarginMs);
    // Claims end at once; what is on its way gets the time that there is, then it is cut and recorded as what it is.
    const cut = setTimeout(() => void dispatcher.close(0), workMs);
    const [result] = await Promise.all([drainAll(servings, workMs), scheduler.stop()]);
    clearTimeout(cut);
    heart.stop();
    recoverer.stop();
    janitor.stop();
    clockWatch.stop();
    await dispatcher.close(0);
    await store.releaseWorker(number);
    await store.close();
    await tracing.shutdown();
    return result;
  });
  supervised.ready();
  log.info({ slot: supervised.slot, generation: supervised.generation, worker: number }, "worker is ready");
}
