import { describe, expect, onTestFinished, test } from "vitest";
import { Janitor } from "../../server/src/schedule/janitor.ts";
import type { JanitorOptions } from "../../server/src/schedule/janitor.ts";
import type { Store, SweepOptions, SweepResult } from "../../server/src/store/store.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { freezeTime, pass, start } from "./setting.ts";

function startJanitor(answers: (SweepResult | Error)[], kept: Partial<JanitorOptions["kept"]> = {}) {
  freezeTime();
  const asked: SweepOptions[] = [];
  const store = {
    sweep(options: SweepOptions) {
      asked.push(options);
      const answer = answers.shift() ?? { jobs: 0, more: false };
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  } as Pick<Store, "sweep"> as Store;
  const all = { jobRetentionMs: 7000, responseRetentionMs: 3000, maxEndedJobs: undefined, ...kept };
  const log = createLogger({ level: "silent", name: "test" });
  const settleClock = () => undefined;
  const janitor = new Janitor({ store, clock: Date.now, settleClock, log, everyMs: 1000, kept: all });
  onTestFinished(() => janitor.stop());
  janitor.start();
  return { asked, janitor, kept: all };
}

describe("a janitor", () => {
  test("asks for what is kept no longer, as the configuration has it at that moment", async () => {
    const { asked, kept } = startJanitor([]);
    await pass(1000);
    const first = { now: start + 1000, endedBefore: start - 6000, respondedBefore: start - 2000 };
    expect(asked).toMatchObject([{ ...first, maxEnded: Number.MAX_SAFE_INTEGER }]);
    Object.assign(kept, { jobRetentionMs: 1000, maxEndedJobs: 5 });
    await pass(1000);
    expect(asked.at(-1)).toMatchObject({ endedBefore: start + 1000, maxEnded: 5 });
  });

  test("goes on after a short pause while there is more", async () => {
    const { asked } = startJanitor([
      { jobs: 200, more: true },
      { jobs: 200, more: true },
      { jobs: 1, more: false },
    ]);
    await pass(1100);
    expect(asked).toHaveLength(3);
    await pass(800);
    expect(asked).toHaveLength(3);
    await pass(400);
    expect(asked).toHaveLength(4);
  });

  test("survives a round that fails, and ends when it is stopped", async () => {
    const { asked, janitor } = startJanitor([new Error("busy")]);
    await pass(2000);
    expect(asked).toHaveLength(2);
    janitor.stop();
    await pass(5000);
    expect(asked).toHaveLength(2);
  });
});
