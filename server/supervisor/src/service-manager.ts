// What systemd, or whatever else started this process with NOTIFY_SOCKET, hears of it: sd_notify(3).
import { packUnixAddress } from "./address.ts";
import type { Logger } from "./options.ts";
import { sendDatagram } from "./syscalls.ts";

/** The names under which a service manager says where and how often it wants to hear; workers do not get them. */
export const serviceManagerVariables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

/** The service manager of this process, if it has one that wants to hear: otherwise nothing is sent. */
export class ServiceManager {
  /** How often `alive` is expected at the least, in milliseconds; undefined if it is not. Half of WATCHDOG_USEC. */
  readonly aliveEveryMs: number | undefined;
  readonly #address: Buffer | undefined;
  readonly #logger: Logger;
  #failed = false;

  constructor(env: NodeJS.ProcessEnv, logger: Logger) {
    const { NOTIFY_SOCKET: path = "", WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
    this.#logger = logger;
    // `@` stands for the NUL of an abstract address, which ends where the datagram's address ends.
    if (path.startsWith("@")) this.#address = packUnixAddress(`\0${path.slice(1)}`).subarray(0, -1);
    else if (path.startsWith("/")) this.#address = packUnixAddress(path);
    const isOurs = pid === undefined || Number(pid) === process.pid;
    if (this.#address !== undefined && isOurs && Number(usec) > 0) this.aliveEveryMs = Number(usec) / 2000;
  }

  ready(workers: number): void {
    this.#send(`READY=1\nSTATUS=${workers} ${workers === 1 ? "worker" : "workers"}`);
  }

  /** In one datagram with the time, as systemd asks for it (Type=notify-reload). `ready` ends it. */
  reloading(): void {
    this.#send(
      `RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}\nSTATUS=replacing the workers`,
    );
  }

  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=finishing what is in flight");
  }

  /**
   * For WatchdogSec. `silentMs`: for how long each worker has owed an answer. Only while all answer: a service manager that hears
   * nothing starts the whole anew.
   */
  alive(silentMs: readonly number[]): void {
    const { aliveEveryMs } = this;
    if (aliveEveryMs !== undefined && silentMs.every((ms) => ms <= aliveEveryMs)) this.#send("WATCHDOG=1");
  }

  #send(text: string): void {
    if (this.#address === undefined) return;
    try {
      sendDatagram(this.#address, Buffer.from(text));
      this.#failed = false;
    } catch (error) {
      // Once: it will hardly be better the next time.
      if (!this.#failed) this.#logger.warn("the service manager does not listen", { error: String(error) });
      this.#failed = true;
    }
  }
}
