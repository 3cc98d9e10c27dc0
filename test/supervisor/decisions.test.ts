// What the supervisor decides without touching anything: delays, covers, CPUs.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decidePinning } from "../../server/supervisor/src/affinity.ts";
import { decideRestart } from "../../server/supervisor/src/backoff.ts";
import { decideCoverage } from "../../server/supervisor/src/coverage.ts";
import type { SlotCover } from "../../server/supervisor/src/coverage.ts";
import { checkOptions } from "../../server/supervisor/src/options.ts";

function ready(adopter?: number): SlotCover {
  return { ready: true, adopter };
}

function empty(adopter?: number): SlotCover {
  return { ready: false, adopter };
}

describe("decideRestart", () => {
  it.each([
    { livedMs: 10_000, failures: 0, delayMs: [0, 0], next: 0 },
    { livedMs: 3_600_000, failures: 12, delayMs: [0, 0], next: 0 },
    { livedMs: 0, failures: 0, delayMs: [50, 100], next: 1 },
    { livedMs: 9_999, failures: 0, delayMs: [50, 100], next: 1 },
    { livedMs: 0, failures: 1, delayMs: [100, 200], next: 2 },
    { livedMs: 0, failures: 5, delayMs: [1_600, 3_200], next: 6 },
    { livedMs: 0, failures: 8, delayMs: [12_800, 25_600], next: 9 },
    { livedMs: 0, failures: 9, delayMs: [15_000, 30_000], next: 10 },
    { livedMs: 0, failures: 5_000, delayMs: [15_000, 30_000], next: 5_001 },
  ])("after $livedMs ms and $failures failures waits $delayMs ms", ({ livedMs, failures, delayMs, next }) => {
    const death = { livedMs, killedByOthers: false };
    expect(decideRestart(death, failures, 0)).toEqual({ delayMs: delayMs[0], failures: next });
    expect(decideRestart(death, failures, 1)).toEqual({ delayMs: delayMs[1], failures: next });
  });

  it("does not wait after a worker that others killed, and counts neither for nor against it", () => {
    const death = { livedMs: 5, killedByOthers: true };
    expect(decideRestart(death, 3, 0.5)).toEqual({ delayMs: 0, failures: 3 });
  });
});

describe("decideCoverage", () => {
  it.each([
    { name: "changes nothing while all are ready", slots: [ready(), ready()], changes: [] },
    { name: "gives an empty slot to the sibling", slots: [empty(), ready()], changes: [["adopt", 1, 0]] },
    { name: "leaves a covered slot alone", slots: [empty(1), ready()], changes: [] },
    {
      name: "releases a slot whose worker is back",
      slots: [ready(1), ready()],
      changes: [["release", 1, 0]],
    },
    { name: "can do nothing when nobody is ready", slots: [empty(), empty()], changes: [] },
    { name: "has no sibling with one worker", slots: [empty()], changes: [] },
    {
      name: "spreads several empty slots over the siblings",
      slots: [empty(), empty(), ready(), ready()],
      changes: [
        ["adopt", 2, 0],
        ["adopt", 3, 1],
      ],
    },
    {
      name: "gives a slot away again when its adopter died",
      slots: [empty(1), empty(), ready()],
      changes: [
        ["adopt", 2, 0],
        ["adopt", 2, 1],
      ],
    },
  ])("$name", ({ slots, changes }) => {
    expect(decideCoverage(slots).map(({ action, worker, slot }) => [action, worker, slot])).toEqual(changes);
  });

  it("leaves every slot with exactly one ready worker, as long as there is one", () => {
    const cover = fc.record({ ready: fc.boolean(), adopter: fc.option(fc.nat(7), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(cover, { minLength: 1, maxLength: 8 }), (drawn) => {
        // No worker is ever told to adopt its own slot.
        const slots = drawn.map((each, slot) =>
          each.adopter === slot ? { ...each, adopter: undefined } : each,
        );
        const after = slots.map((slot) => ({ ...slot }));
        for (const { action, worker, slot } of decideCoverage(slots)) {
          expect(worker).not.toBe(slot);
          const changed = after[slot];
          if (changed) changed.adopter = action === "adopt" ? worker : undefined;
        }
        if (!after.some((slot) => slot.ready)) return;
        for (const slot of after) {
          const accepting = [slot.ready, slot.adopter !== undefined && after[slot.adopter]?.ready === true];
          expect(accepting.filter(Boolean)).toHaveLength(1);
        }
      }),
    );
  });
});

describe("decidePinning", () => {
  const given = { pin: true, workers: 2, allowedCpus: [4, 6, 7], parallelism: 3 };
  it.each([
    {
      name: "gives the first allowed CPUs, not the first CPUs",
      options: given,
      result: { pinned: true, cpus: [4, 6] },
    },
    {
      name: "does not put two workers on one CPU",
      options: { ...given, workers: 4 },
      result: { pinned: false, reason: "4 workers on 3 CPUs" },
    },
    {
      name: "does not pin where the kernel forbids it",
      options: { ...given, allowedCpus: [] },
      result: { pinned: false, reason: "not permitted on this machine" },
    },
    {
      name: "does not pin under a quota",
      options: { ...given, parallelism: 1 },
      result: { pinned: false, reason: "a quota of 1 on 3 CPUs" },
    },
    {
      name: "can be switched off",
      options: { ...given, pin: false },
      result: { pinned: false, reason: "switched off" },
    },
  ])("$name", ({ options, result }) => {
    expect(decidePinning(options)).toEqual(result);
  });
});

describe("checkOptions", () => {
  const listeners = [{ name: "http", address: "127.0.0.1:0" }];
  const good = { listeners, workerModule: "/worker.ts" };

  it("fills in the defaults of the README's table", () => {
    const { workers, pin, drainTimeoutMs, readyTimeoutMs, watchdogMs } = checkOptions(good);
    expect({ workers, pin, drainTimeoutMs, readyTimeoutMs, watchdogMs }).toEqual({
      workers: "auto",
      pin: true,
      drainTimeoutMs: 30_000,
      readyTimeoutMs: 30_000,
      watchdogMs: 3_000,
    });
  });

  it.each([
    [{ ...good, listeners: [] }, "listeners must not be empty"],
    [{ ...good, listeners: [...listeners, ...listeners] }, "different names"],
    [{ ...good, workers: 0 }, "workers must be"],
    [{ ...good, workers: 1.5 }, "workers must be"],
    [{ ...good, drainTimeoutMs: 0 }, "drainTimeoutMs must be above 0"],
    [{ ...good, readyTimeoutMs: Number.NaN }, "readyTimeoutMs must be above 0"],
    [{ ...good, watchdogMs: -1 }, "watchdogMs must be 0 or more"],
  ])("refuses %j", (options, message) => {
    expect(() => checkOptions(options)).toThrow(message);
  });
});
