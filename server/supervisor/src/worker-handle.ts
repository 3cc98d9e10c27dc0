// One worker as the supervisor sees it. What runs inside the process is in worker/.
import net from "node:net";

import { encodeMessage, MessageReader } from "./messages.ts";
import type { DrainResult, SupervisorMessage, WorkerMessage } from "./messages.ts";
import { closeFd, openSocketPair } from "./syscalls.ts";
import type { CarriedWorker } from "./upgrade/carried.ts";
import { adoptProcess, startProcess } from "./worker-process.ts";
import type { WorkerProcess, WorkerSpec } from "./worker-process.ts";

export type WorkerState = "starting" | "ready" | "draining" | "gone";

export interface WorkerEvents {
  onReady: (worker: WorkerHandle) => void;
  /** The process is dead: nothing of it runs any more. Called once. */
  onGone: (worker: WorkerHandle) => void;
  onBroadcast: (worker: WorkerHandle, topic: string, payload: string) => void;
}

// A worker that does not read must not fill the supervisor's memory: broadcasts beyond this are dropped.
const MAX_BACKLOG_BYTES = 1024 * 1024;
// The control channel ends with the process, as a rule before its exit is reported; this is for the case that a grandchild holds it.
const LAST_WORDS_MS = 250;
/** A worker of an older version does not know what it is asked, and one that is starting may not hear it for a while. */
const REOPEN_MS = 10_000;

/** Its place. */
type Place = Pick<WorkerSpec, "slot" | "generation" | "cpu">;

export class WorkerHandle {
  readonly slot: number;
  readonly generation: number;
  readonly cpu: number | undefined;
  readonly startTime: Date;
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
  /** True if it was well until somebody else killed it: the kernel for want of memory, an operator. */
  killedByOthers = false;

  /** Settles when it is ready, or gone without having been. */
  readonly settled: Promise<"ready" | "gone">;
  /** Settles when it is gone, after `onGone`. */
  readonly gone: Promise<void>;

  readonly #settle: (how: "ready" | "gone") => void;
  readonly #leave: () => void;
  readonly #process: WorkerProcess;
  /** Ours of the control channel; -1 if that is closed. */
  readonly #controlFd: number;
  readonly #control: net.Socket;
  readonly #reader: MessageReader;
  readonly #events: WorkerEvents;
  readonly #readyTimer: NodeJS.Timeout;
  #readyAt: number | undefined;
  #livedMs = 0;
  #killedFor = "";
  #fatal = "";
  #exiting = false;
  #ping: { id: number; sentAt: number } | undefined;
  #pings = 0;
  /** Those who wait for its word that its log is open, in the order in which it was asked. */
  readonly #reopenings: ((error: string) => void)[] = [];

  /** Starts a process. A spawn that fails is reported like a death, through `onGone`. */
  static start(spec: WorkerSpec, events: WorkerEvents): WorkerHandle {
    const [ours, theirs] = openSocketPair();
    const start = (): WorkerProcess => {
      try {
        return startProcess(spec, theirs);
      } finally {
        closeFd(theirs);
      }
    };
    return new WorkerHandle(spec, { controlFd: ours, start, events }, spec.options.readyTimeoutMs);
  }

  /** Takes over what the program before this one has left. */
  static adopt(
    place: Place,
    carried: CarriedWorker,
    readyTimeoutMs: number,
    events: WorkerEvents,
  ): WorkerHandle {
    const { pid, controlFd = -1 } = carried;
    const start = (ending: Promise<void>): WorkerProcess => adoptProcess(pid, ending);
    return new WorkerHandle(place, { controlFd, start, events }, readyTimeoutMs, carried);
  }

  private constructor(
    { slot, generation, cpu }: Place,
    from: {
      controlFd: number;
      start: (ending: Promise<void>) => WorkerProcess;
      events: WorkerEvents;
    },
    readyTimeoutMs: number,
    carried?: CarriedWorker,
  ) {
    this.slot = slot;
    this.generation = generation;
    this.cpu = cpu;
    this.startTime = carried === undefined ? new Date() : new Date(carried.startTime);
    this.#events = from.events;
    ({ promise: this.settled, resolve: this.#settle } = Promise.withResolvers<"ready" | "gone">());
    ({ promise: this.gone, resolve: this.#leave } = Promise.withResolvers<void>());
    this.#controlFd = from.controlFd;
    this.#control = new net.Socket(
      from.controlFd === -1 ? {} : { fd: from.controlFd, readable: true, writable: true },
    );
    this.#reader = new MessageReader(Buffer.from(carried?.rest ?? "", "base64"));
    const ending = new Promise<void>((resolve) => void this.#control.once("close", resolve));
    this.#readMessages();
    if (from.controlFd === -1) this.#control.destroy();
    this.#process = from.start(ending);
    this.#process.onEnd((how, clean) => this.#end(how, clean));
    this.#readyTimer = setTimeout(() => this.kill(`not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
    if (carried !== undefined) this.#resume(carried);
  }

  #resume(carried: CarriedWorker): void {
    const { state, joined, connections, adopted, killedFor, fatal, livedMs } = carried;
    this.state = state;
    this.joined = joined;
    this.connections = connections;
    for (const slot of adopted) this.adopted.add(slot);
    this.#killedFor = killedFor;
    this.#fatal = fatal;
    if (state === "starting") return;
    this.#readyAt = performance.now() - livedMs;
    clearTimeout(this.#readyTimer);
    this.#settle("ready");
  }

  /** What another program needs to take it over. Nothing may happen between this and that. */
  carry(): CarriedWorker | undefined {
    const { pid, generation, state, joined, connections, startTime, livedMs, adopted } = this;
    if (pid === undefined || state === "gone") return undefined;
    return {
      ...{ pid, generation, state, joined, connections, livedMs },
      startTime: startTime.toISOString(),
      adopted: [...adopted],
      controlFd: this.#control.destroyed ? undefined : this.#controlFd,
      rest: this.#reader.rest.toString("base64"),
      killedFor: this.#killedFor,
      fatal: this.#fatal,
    };
  }

  /** Settles when all that was sent has left this process, or never will. */
  async flushed(): Promise<void> {
    while (this.#control.writableLength > 0 && this.#control.writable) {
      await new Promise<void>((resolve) => void this.#control.write("", () => resolve()));
    }
  }

  /** Undefined if it could not be spawned. */
  get pid(): number | undefined {
    return this.#process.pid;
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

  /** Has it write to what `path` is by now. Settles when it does, or is gone, or has not said so in time; then with the reason. */
  async reopenLogs(path: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#reopenings.push(resolve);
    const timer = setTimeout(() => resolve(`no answer within ${REOPEN_MS} ms`), REOPEN_MS);
    void this.gone.then(() => resolve(""));
    this.send({ t: "reopenLogs", path });
    const error = await promise;
    clearTimeout(timer);
    return error;
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
    this.#process.kill();
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
    this.#control.on("data", (chunk) => {
      for (const message of this.#reader.push(chunk)) this.#obey(message);
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
      case "logsReopened":
        return this.#reopenings.shift()?.(message.error);
      case "drained":
        this.drained = { closed: message.closed, forced: message.forced };
        return;
      case "exiting":
        this.#exiting = true;
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
      const told = this.#killedFor !== "" || this.#fatal !== "" || this.#exiting;
      this.killedByOthers = how === "SIGKILL" && this.#readyAt !== undefined && !told;
      this.ending = [how, this.#killedFor, this.#fatal].filter(Boolean).join(": ");
      this.#events.onGone(this);
      this.#settle("gone");
      this.#leave();
    };
    if (this.#control.closed) finish();
    else this.#control.once("close", finish);
    // Without a process nobody holds the other end; the `end` may have been read before this.
    if (this.pid === undefined) this.#control.destroy();
  }
}
