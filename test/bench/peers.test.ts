// The bench beside BullMQ: that what is measured there moves jobs, and that what is not there is said.
import { expect, test, vi } from "vitest";
import { parseOptions } from "./options.ts";
import { lackingBullmq } from "./peers/bullmq-api.ts";
import { lackingRedis } from "./peers/redis.ts";
import { formatPeers, ratiosOf } from "./peers/report.ts";
import { subjects } from "./peers/subjects.ts";

const lacking = lackingRedis() ?? lackingBullmq();
const isSkipped = lacking !== undefined && process.env["CI"] !== "true";
if (isSkipped) console.log(`skipped: the bench beside BullMQ: ${lacking}`);

const few = parseOptions(["--jobs", "300", "--warmup", "50"]);

test.skipIf(isSkipped).each(["everysec", "always100"] as const)(
  "%s: each job comes to the target once and is completed",
  async (key) => {
    const measured = await subjects[key].measure(few);
    expect(measured).toMatchObject({ lost: 0, repeats: 0 });
    expect(measured.deliveredPerSecond).toBeGreaterThan(0);
    expect(measured.acknowledgedPerSecond).toBeGreaterThanOrEqual(measured.deliveredPerSecond);
    expect(measured.processes.map(({ name }) => name)).toEqual(["redis-server", "worker 0", "worker 1"]);
  },
);

test("batches that are not due are acknowledged and not delivered", async () => {
  const measured = await subjects.stored100.measure(few);
  expect(measured).toMatchObject({ lost: 0, deliveredPerSecond: Number.NaN });
  expect(measured.acknowledgedPerSecond).toBeGreaterThan(0);
});

test("without redis-server its name is in the reason", () => {
  vi.stubEnv("PATH", "/nowhere");
  expect(lackingRedis()).toMatch(/^redis-server cannot be started: .*ENOENT/);
  vi.unstubAllEnvs();
});

test("ratios are of what was measured, and the rest is named", () => {
  const round = (perSecond: number) =>
    ({ acknowledgedPerSecond: 2 * perSecond, deliveredPerSecond: perSecond, cpuMicrosPerJob: 1 }) as never;
  const result = {
    rounds: { chain: [round(100), round(200)], fieldpost: [round(50), round(150)], stored10000: [round(30)] },
    bareInserts: [120],
    besideBatches: [],
    skipped: ["BullMQ: gone"],
  };
  expect(ratiosOf(result)).toEqual([
    { label: "acknowledged: fieldpost 2 / chain 2", values: [0.5, 0.75], aim: "" },
    { label: "delivered: fieldpost 2 / chain 2", values: [0.5, 0.75], aim: "≥ 0.85" },
    {
      label: "acknowledged: fieldpost 2, batches of 10,000, due in a day / bare inserts",
      values: [0.5],
      aim: "≥ 0.6",
    },
  ]);
  expect(formatPeers(result)).toMatch(/0\.625 \(0\.500–0\.750\) +≥ 0\.85\n[^]*not measured: BullMQ: gone$/);
});
