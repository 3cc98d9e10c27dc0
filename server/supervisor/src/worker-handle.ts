// One worker process as the supervisor sees it. What runs inside the process is in worker/.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import net from "node:net";
import { fileURLToPath } from "node:url";

import { withAffinity } from "./affinity.ts";
import { BOOT_VARIABLE, encodeMessage, MessageReader, PROTOCOL_VERSION } from "./messages.ts";
import type { DrainResult, SupervisorMessage, WorkerBoot, WorkerMessage } from "./messages.ts";
import type { CheckedOptions } from "./options.ts";
import { serviceManagerVariables } from "./service-manager.ts";
import type { SlotListener } from "./slots.ts";
import { closeFd, openSocketPair } from "./syscalls.ts";

export type WorkerState = "starting" | "ready" | "draining" | "gone";

export interface WorkerSpec {
  slot: number;
  generation: number;
  workers: number;
  slotPeers: number[];
  cpu: number | undefined;
  listeners: readonly SlotListener[];
  options: CheckedOptions;
}

export interface WorkerEvents {
  onReady: (worker: WorkerHandle) => void;
  /** The process is dead: nothing of it runs any more. Called once. */
  onGone: (worker: WorkerHandle) => void;
  onBroadcast: (worker: WorkerHandle, topic: string, payload: string) => void;
}

const CONTROL_FD = 3;
// A worker that does not read must not fill the supervisor's memory: broadcasts beyond this are dropped.
const MAX_BACKLOG_BYTES = 1024 * 1024;
// The control channel ends with the process, as a rule before its exit is reported; this is for the case that a grandchild holds it.
const LAST_WORDS_MS = 250;
// Source files run by type stripping in development, compiled ones in the published package.
const BOOT_MODULE = new URL(
  `./worker/boot${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

export class WorkerHandle {
  readonly slot: number;
  readonly generation: number;
  readonly cpu: number | undefined;
  readonly startTime = new Date();
  state: WorkerState = "starting";
  /** False until the process has said hello: before that it cannot obey. */
  joined = false;
  connections = 0;
  /** How long its event loop took to answer the last ping, in milliseconds. */
  lagMs = 0;
  /** Slots that it has confirmed to accept on beside its own. */
  readonly adopted = new Set<number>();
  /** What its drain came to, once it has said so. */
  drained: DrainResult | undefined;
  /** Why it ended, for the log and for the person who starts it; empty while it runs. */
  ending = "";
  /** True if it ended by itself with status 0. */
  clean = false;

  /** Settles when it is ready, or gone without having been. */
  readonly settled: Promise<"ready" | "gone">;
  /** Settles when it is gone, after `onGone`. */
  readonly gone: Promise<void>;

  readonly #settle: (how: "ready" | "gone") => void;
  readonly #leave: () => void;
  readonly #child: ChildProcess | undefined;
  readonly #control: net.Socket;
  readonly #events: WorkerEvents;
  readonly #readyTimer: NodeJS.Timeout;
  #readyAt: number | undefined;
  #livedMs = 0;
  #killedFor = "";
  #fatal = "";
  #ping: { id: number; sentAt: number } | undefined;
  #pings = 0;

  /** Starts the process. A spawn that fails is reported like a death, through `onGone`. */
  constructor(spec: WorkerSpec, events: WorkerEvents) {
    this.slot = spec.slot;
    this.generation = spec.generation;
    this.cpu = spec.cpu;
    this.#events = events;
    ({ promise: this.settled, resolve: this.#settle } = Promise.withResolvers<"ready" | "gone">());
    ({ promise: this.gone, resolve: this.#leave } = Promise.withResolvers<void>());
    const [ours, theirs] = openSocketPair();
    this.#control = new net.Socket({ fd: ours, readable: true, writable: true });
    this.#readMessages();
    try {
      this.#child = withAffinity(spec.cpu, () => spawnProcess(spec, theirs));
      this.#child.once("exit", (code, signal) => this.#end(signal ?? `exit code ${code}`, code === 0));
      this.#child.once("error", (error) => this.#end(`cannot be spawned: ${error.message}`, false));
    } catch (error) {
      setImmediate(() => this.#end(`cannot be spawned: ${String(error)}`, false));
    } finally {
      closeFd(theirs);
    }
    const { readyTimeoutMs } = spec.options;
    this.#readyTimer = setTimeout(() => this.kill(`not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
  }

  /** Undefined if it could not be spawned. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How long it was ready, in milliseconds; 0 if it never was. */
  get livedMs(): number {
    return this.state === "gone" ? this.#livedMs : this.#sinceReady();
  }

  send(message: SupervisorMessage): void {
    if (this.state === "gone" || !this.#control.writable) return;
    if (message.t === "broadcast" && this.#control.writableLength > MAX_BACKLOG_BYTES) return;
    this.#control.write(encodeMessage(message));
  }

  /**
   * Asks it to finish what it has and to exit before `timeoutMs`, when SIGKILL comes; one that cannot hear yet is killed.
   * Its own deadline lies a little before, so that it can still close its store when it has cut its last connections.
   */
  drain(timeoutMs: number): void {
    if (this.state === "gone" || this.state === "draining") return;
    if (!this.joined) return this.kill("stopped before it had started");
    this.state = "draining";
    clearTimeout(this.#readyTimer);
    this.send({ t: "drain", deadlineMs: timeoutMs - Math.min(1000, timeoutMs / 4) });
  }

  /** SIGKILL; `reason` is what the log will say. */
  kill(reason: string): void {
    if (this.state === "gone") return;
    this.#killedFor ||= reason;
    this.#child?.kill("SIGKILL");
  }

  /** One beat of the watchdog: kills it if its oldest ping is `watchdogMs` old (0: never), otherwise pings again. */
  beat(now: number, watchdogMs: number): void {
    if (this.state !== "ready" && this.state !== "draining") return;
    if (!this.#ping) {
      this.#ping = { id: ++this.#pings, sentAt: now };
      this.send({ t: "ping", id: this.#ping.id });
    } else if (watchdogMs > 0 && now - this.#ping.sentAt >= watchdogMs) {
      this.kill(`event loop silent for ${watchdogMs} ms`);
    }
  }

  /** For how long it has owed an answer to a ping. */
  silentMs(now: number): number {
    return this.#ping === undefined ? 0 : now - this.#ping.sentAt;
  }

  /** Takes the waiting ping back: it was the supervisor that slept, and the silence is its own. */
  forgetPing(): void {
    this.#ping = undefined;
  }

  #readMessages(): void {
    const reader = new MessageReader();
    this.#control.on("data", (chunk) => {
      for (const message of reader.push(chunk)) this.#obey(message);
    });
    this.#control.on("end", () => this.#control.destroy());
    // Reset or broken pipe is how a killed worker looks from here; its exit is what counts.
    this.#control.on("error", () => {});
  }

  #obey(message: WorkerMessage | SupervisorMessage): void {
    switch (message.t) {
      case "hello":
        this.joined = true;
        return;
      case "ready":
        if (this.state !== "starting") return;
        this.state = "ready";
        this.#readyAt = performance.now();
        clearTimeout(this.#readyTimer);
        this.#events.onReady(this);
        return this.#settle("ready");
      case "stat":
        this.connections = message.connections;
        return;
      case "pong":
        if (message.id !== this.#ping?.id) return;
        this.lagMs = performance.now() - this.#ping.sentAt;
        this.#ping = undefined;
        return;
      case "adopted":
        this.adopted.add(message.slot);
        return;
      case "released":
        this.adopted.delete(message.slot);
        return;
      case "broadcast":
        return this.#events.onBroadcast(this, message.topic, message.payload);
      case "drained":
        this.drained = { closed: message.closed, forced: message.forced };
        return;
      case "fatal":
        this.#fatal ||= message.error;
        return;
      default:
      // A supervisor's own message, echoed: ignored, like any that this version does not know.
    }
  }

  #sinceReady(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt;
  }

  #end(how: string, clean: boolean): void {
    if (this.state === "gone") return;
    this.#livedMs = this.#sinceReady();
    this.state = "gone";
    clearTimeout(this.#readyTimer);
    const timer = setTimeout(() => this.#control.destroy(), LAST_WORDS_MS);
    const finish = (): void => {
      clearTimeout(timer);
      this.clean = clean;
      this.ending = [how, this.#killedFor, this.#fatal].filter(Boolean).join(": ");
      this.#events.onGone(this);
      this.#settle("gone");
      this.#leave();
    };
    if (this.#control.closed) finish();
    else this.#control.once("close", finish);
    // Without a process nobody holds the other end; the `end` may have been read before this.
    if (this.#child?.pid === undefined) this.#control.destroy();
  }
}

function spawnProcess(spec: WorkerSpec, controlFd: number): ChildProcess {
  const { options, listeners } = spec;
  const inherited: number[] = [];
  const boot: WorkerBoot = {
    v: PROTOCOL_VERSION,
    slot: spec.slot,
    generation: spec.generation,
    workers: spec.workers,
    slotPeers: spec.slotPeers,
    controlFd: CONTROL_FD,
    drainTimeoutMs: options.drainTimeoutMs,
    // Numbers without a gap: Node sets close-on-exec at boot from 0 up to the first one that is missing.
    listeners: listeners.map(({ name, address, fds }) => ({
      name,
      address,
      fds: fds.map((fd) => CONTROL_FD + inherited.push(fd)),
    })),
  };
  const { workerModule } = options;
  const modulePath = workerModule instanceof URL ? fileURLToPath(workerModule) : workerModule;
  const flags = [...options.execArgv, "--disable-sigusr1", "--import", BOOT_MODULE.href];
  return spawn(process.execPath, [...flags, modulePath, ...options.args], {
    stdio: ["ignore", "inherit", "inherit", controlFd, ...inherited],
    env: workerEnvironment({ ...options.env, [BOOT_VARIABLE]: JSON.stringify(boot) }),
  });
}

/** What concerns this process alone is not passed on. */
function workerEnvironment(additions: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = { ...process.env };
  for (const name of serviceManagerVariables) delete own[name];
  return { ...own, ...additions };
}
