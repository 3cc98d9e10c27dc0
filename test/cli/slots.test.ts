import { describe, expect, it } from "vitest";
import { createSlots } from "../../server/src/cli/slots.ts";

/** Says what has become of a promise once everything that is due now has run. */
async function settled(promise: Promise<void>): Promise<string> {
  let state = "pending";
  promise.then(
    () => (state = "fulfilled"),
    () => (state = "rejected"),
  );
  await new Promise(setImmediate);
  return state;
}

describe("slots", () => {
  it("are bounded in number", async () => {
    const slots = createSlots(2, 100);
    await slots.take(1);
    await slots.take(1);
    const third = slots.take(1);
    expect(await settled(third)).toBe("pending");
    slots.give(1);
    expect(await settled(third)).toBe("fulfilled");
  });
  it("are bounded in bytes, but let one alone be larger", async () => {
    const slots = createSlots(10, 100);
    await slots.take(60);
    const second = slots.take(50);
    expect(await settled(second)).toBe("pending");
    slots.give(60);
    expect(await settled(second)).toBe("fulfilled");
    slots.give(50);
    expect(await settled(slots.take(500))).toBe("fulfilled");
  });
  it("are idle when all was given back, and reject when broken", async () => {
    const slots = createSlots(10, 100);
    await slots.take(1);
    const idle = slots.idle();
    expect(await settled(idle)).toBe("pending");
    slots.break(new Error("defect"));
    expect(await settled(idle)).toBe("rejected");
    await expect(slots.take(1)).rejects.toThrow("defect");
  });
});
