// Work for the CPU: a fixed number of steps, not a time. Who waited for time would be done sooner the more others share its CPU.

/** The environment variable by which the bench tells all processes how many steps one request costs. */
export const STEPS_VARIABLE = "BENCH_WORK_STEPS";

const steps = Number(process.env[STEPS_VARIABLE] ?? 0);
// Without a result the loop could be left out.
const result = new Int32Array([1]);

/** What one request costs. */
export function work(): void {
  run(steps);
}

/** How many steps take so many milliseconds of this machine's CPU. */
export function calibrate(ms: number): number {
  const sample = 20_000_000;
  run(sample);
  const { user, system } = process.cpuUsage();
  run(sample);
  const used = process.cpuUsage({ user, system });
  return Math.round((sample * ms * 1000) / (used.user + used.system));
}

function run(count: number): void {
  let value = result[0]!;
  // All of it 32-bit integers: with an addition that overflows, V8's two compilers differ by a factor of 6.
  for (let step = 0; step < count; step++) {
    value ^= value << 13;
    value ^= value >> 17;
    value ^= value << 5;
  }
  result[0] = value;
}
