/**
 * Watches the configuration file: tells of each new content once it has stood still.
 *
 * It looks at the file by its name several times a second, and so follows whatever the name leads to: a symlink that is
 * swapped (Kubernetes' `..data`), a file or a folder that is replaced by a rename, a file that is written in place, one
 * that is gone for a moment, a file system that knows no events. Not inotify: a watch on a file loses it with each
 * rename, and one on its folder hears every write to every other file there. Beside a busy store that was 6,000 events a
 * second and 4 % of a core, against 0.06 % for looking.
 */
import { unwatchFile, watchFile } from "node:fs";
import { readConfigText, sameText, type ConfigText } from "./file.ts";

/** At its stat. With the time that a content must stand still, a change is told within a second. */
const lookEveryMs = 200;
/** At its content, for a file system whose times are too coarse to show each change. */
const readEveryMs = 5000;

export interface WatcherOptions {
  readonly path: string;
  /** What the file held when it was read last. */
  readonly text: ConfigText;
  /** How long the file must stay as it is before that is told: what may be half of it, longer. */
  readonly settleMs: (text: ConfigText) => number;
  readonly onChange: (text: ConfigText) => void;
}

export class ConfigWatcher {
  readonly #options: WatcherOptions;
  /** What was told last. */
  #text: ConfigText;
  /** Something happened since the file was looked at. */
  #stale = false;
  #settling = false;
  #stopped = false;
  /** Ends the wait for a content to stand still. */
  #wake = (): void => {};
  #timer: NodeJS.Timeout | undefined;
  /** One read at a time, so that no older content is told after a newer one. */
  #reading: Promise<void> = Promise.resolve();

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#text = options.text;
  }

  start(): void {
    watchFile(this.#options.path, { interval: lookEveryMs, persistent: false }, this.#look);
    this.#timer = setInterval(this.#look, readEveryMs).unref();
    // It may have changed since it was read.
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    unwatchFile(this.#options.path, this.#look);
    clearInterval(this.#timer);
    this.#wake();
  }

  /** Reads the file now, however new its content is. That counts as told. */
  readNow(): Promise<ConfigText> {
    return new Promise((resolve) => {
      void this.#read((text) => {
        this.#text = text;
        resolve(text);
      });
    });
  }

  readonly #look = (): void => {
    this.#stale = true;
    if (this.#settling) this.#wake();
    else void this.#settle();
  };

  async #settle(): Promise<void> {
    this.#settling = true;
    while (this.#stale && !this.#stopped) {
      this.#stale = false;
      let seen = this.#text;
      await this.#read((text) => void (seen = text));
      while (!sameText(seen, this.#text) && !this.#stopped) {
        const isStill = await this.#wait(this.#options.settleMs(seen));
        await this.#read((text) => {
          if (isStill && sameText(text, seen)) this.#tell(text);
          else seen = text;
        });
      }
    }
    this.#settling = false;
  }

  #tell(text: ConfigText): void {
    if (this.#stopped || sameText(text, this.#text)) return;
    this.#text = text;
    this.#options.onChange(text);
  }

  /** @param take is called before the next read begins */
  #read(take: (text: ConfigText) => void): Promise<void> {
    this.#reading = this.#reading.then(async () => take(await readConfigText(this.#options.path)));
    return this.#reading;
  }

  /** @returns false if something happened before the time was over */
  #wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms, true).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
  }
}
