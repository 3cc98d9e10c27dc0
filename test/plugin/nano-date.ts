// Stands in for the package nano-date, which ts-proto's code for useDate=string-nano imports: what that code calls of it.

export default class NanoDate {
  readonly #millis: number;
  #micros = 0;
  #nanos = 0;

  /** Milliseconds since 1970, or a text of RFC 3339. */
  constructor(time: number | string) {
    this.#millis = new Date(time).getTime();
    if (typeof time === "number") return;
    const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
    this.#micros = Number(fraction.padEnd(9, "0").slice(3, 6));
    this.#nanos = Number(fraction.padEnd(9, "0").slice(6, 9));
  }

  valueOf(): number {
    return this.#millis;
  }

  getMilliseconds(): number {
    return new Date(this.#millis).getMilliseconds();
  }

  getMicroseconds(): number {
    return this.#micros;
  }

  getNanoseconds(): number {
    return this.#nanos;
  }

  setMicroseconds(micros: number): void {
    this.#micros = micros;
  }

  setNanoseconds(nanos: number): void {
    this.#nanos = nanos;
  }

  toISOStringFull(): string {
    const below = `${this.#micros}`.padStart(3, "0") + `${this.#nanos}`.padStart(3, "0");
    return new Date(this.#millis).toISOString().replace("Z", `${below}Z`);
  }
}
