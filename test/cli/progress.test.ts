import { describe, expect, it } from "vitest";
import { startProgress, summarize } from "../../server/src/cli/progress.ts";

function setUp(isTTY: boolean) {
  const state = { done: 0, failed: 0, bytes: 0, note: "", time: 0, text: "" };
  const progress = startProgress({
    stream: { isTTY, columns: 60, write: (text) => (state.text += text.replaceAll("\r\x1b[K", "<redraw>")) },
    totalBytes: 1000,
    read: () => state,
    now: () => state.time,
  });
  return { state, progress };
}

describe("the progress line", () => {
  it("says rate, done, failed and the time left", () => {
    const { state, progress } = setUp(false);
    Object.assign(state, { done: 2399, failed: 1, bytes: 250, time: 2000 });
    progress.draw();
    progress.stop();
    expect(state.text).toBe("2,399 done, 1 failed, 1,200/s, 25 %, 6 s left\n");
  });
  it("is redrawn in place on a terminal, and cut to its width", () => {
    const { state, progress } = setUp(true);
    Object.assign(state, { time: 1000, note: "waiting for the relay: RESOURCE_EXHAUSTED" });
    progress.draw();
    progress.print("line 3: bad");
    progress.stop();
    expect(state.text).toMatch(/^<redraw>0 done.{0,60}<redraw>line 3: bad\n$/);
    expect(state.text.split("<redraw>")[1]!.length).toBeLessThan(60);
  });
  it("ends with a summary", () => {
    const counts = { done: 10_000, failed: 3, bytes: 0, note: "" };
    expect(summarize(counts, 2000)).toBe("10,000 jobs enqueued, 3 failed, in 2.0 s (5,002/s)");
  });
  it.each([
    [{ done: 99, failed: 0 }, "99 jobs enqueued, 0 failed, in 2.0 s"],
    [{ done: 0, failed: 5000 }, "0 jobs enqueued, 5,000 failed, in 2.0 s"],
    [{ done: 100, failed: 0 }, "100 jobs enqueued, 0 failed, in 2.0 s (50/s)"],
  ])("has a rate only where one means something: %j", (counts, text) => {
    expect(summarize({ ...counts, bytes: 0, note: "" }, 2000)).toBe(text);
  });
});
