/** The line that says how far it is: redrawn in place on a terminal, otherwise a new line every few seconds. */
import { counted } from "./output.ts";

export interface Progress {
  readonly done: number;
  readonly failed: number;
  /** Bytes read of {@link ProgressOptions.totalBytes}. */
  readonly bytes: number;
  /** What holds it up just now; empty where nothing does. */
  readonly note: string;
}

export interface ProgressOptions {
  readonly stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** Of the whole file; undefined where the end cannot be known. */
  readonly totalBytes: number | undefined;
  /** What is so by now. */
  read(): Progress;
  /** Milliseconds; default performance.now. */
  readonly now?: () => number;
}

export interface ProgressLine {
  /** Draws it. The timer does so by itself. */
  draw(): void;
  /** Prints a line of its own above it. */
  print(line: string): void;
  /** Takes it away and stops the timer. */
  stop(): void;
}

const redrawMs = 100;
const repeatMs = 5000;
/** The rate shown is that of the last seconds. */
const windowMs = 5000;

export function startProgress(options: ProgressOptions): ProgressLine {
  const { stream, now = () => performance.now() } = options;
  const inPlace = stream.isTTY === true;
  const samples = [{ time: now(), done: 0, bytes: 0 }];
  let shown = false;

  function draw(): void {
    const text = textNow();
    stream.write(inPlace ? `\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}` : `${text}\n`);
    shown = true;
  }
  function textNow(): string {
    const { done, failed, bytes, note } = options.read();
    const time = now();
    samples.push({ time, done: done + failed, bytes });
    while (samples.length > 2 && samples[1]!.time <= time - windowMs) samples.shift();
    const first = samples[0]!;
    const seconds = Math.max((time - first.time) / 1000, 0.001);
    const rate = (done + failed - first.done) / seconds;
    const left = timeLeft(options.totalBytes, bytes, (bytes - first.bytes) / seconds);
    return [
      `${done.toLocaleString("en-US")} done`,
      `${failed.toLocaleString("en-US")} failed`,
      `${Math.round(rate).toLocaleString("en-US")}/s`,
      ...left,
      ...(note === "" ? [] : [note]),
    ].join(", ");
  }
  function clear(): void {
    if (inPlace && shown) stream.write("\r\x1b[K");
    shown = false;
  }

  const timer = setInterval(draw, inPlace ? redrawMs : repeatMs);
  timer.unref();
  return {
    draw,
    print(line) {
      clear();
      stream.write(`${line}\n`);
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

function timeLeft(total: number | undefined, bytes: number, bytesPerSecond: number): string[] {
  if (total === undefined || total === 0) return [];
  const percent = `${Math.floor((Math.min(bytes, total) / total) * 100)} %`;
  if (bytesPerSecond <= 0) return [percent];
  return [percent, `${formatSeconds(Math.max(0, total - bytes) / bytesPerSecond)} left`];
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Of fewer requests a rate says how long the start took, and nothing else. */
const minToRate = 100;

/** The last line: what became of everything. */
export function summarize({ done, failed }: Progress, elapsedMs: number): string {
  const seconds = Math.max(elapsedMs / 1000, 0.001);
  const rate = Math.round((done + failed) / seconds).toLocaleString("en-US");
  const told = done > 0 && done + failed >= minToRate ? ` (${rate}/s)` : "";
  return `${counted(done, "job")} enqueued, ${failed.toLocaleString("en-US")} failed, in ${seconds.toFixed(1)} s${told}`;
}
