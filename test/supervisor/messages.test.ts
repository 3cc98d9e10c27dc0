import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { encodeMessage, MAX_PAYLOAD_BYTES, MessageReader } from "../../server/supervisor/src/messages.ts";

const pong = { v: 1, t: "pong", id: 7 };
const line = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

describe("the line protocol", () => {
  it("gives back what was sent, wherever the stream is cut", () => {
    const message = fc.oneof(
      fc.record({
        t: fc.constant("broadcast" as const),
        topic: fc.string(),
        payload: fc.string({ unit: "binary" }),
      }),
      fc.record({ t: fc.constant("adopt" as const), slot: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat(2000)), (messages, cuts) => {
        const stream = Buffer.concat(messages.map((sent) => Buffer.from(encodeMessage(sent))));
        const reader = new MessageReader();
        const ends = [...cuts.filter((cut) => cut < stream.length).toSorted((a, b) => a - b), stream.length];
        const read = ends.flatMap((end, index) => reader.push(stream.subarray(ends[index - 1] ?? 0, end)));
        expect(read).toEqual(messages.map((sent) => ({ v: 1, ...sent })));
        expect(reader.ignored).toBe(0);
      }),
    );
  });

  it("knows when logs are to be opened anew, and whether they are", () => {
    const ask = { t: "reopenLogs", path: "/var/log/relay.log" } as const;
    const answer = { t: "logsReopened", error: "" } as const;
    const bytes = Buffer.from(encodeMessage(ask) + encodeMessage(answer));
    expect(new MessageReader().push(bytes)).toEqual([
      { v: 1, ...ask },
      { v: 1, ...answer },
    ]);
  });

  it("keeps half a line until the rest comes", () => {
    const reader = new MessageReader();
    const bytes = line(pong);
    expect(reader.push(bytes.subarray(0, 5))).toEqual([]);
    expect(reader.push(Buffer.concat([bytes.subarray(5), bytes]))).toEqual([pong, pong]);
  });

  it("ignores an unknown t, as a later version will send it, and keeps added fields", () => {
    const reader = new MessageReader();
    const later = { ...pong, load: 0.5 };
    expect(reader.push(Buffer.concat([line({ v: 2, t: "handoverBegin", n: 3 }), line(later)]))).toEqual([
      later,
    ]);
    expect(reader.ignored).toBe(1);
  });

  it.each([
    ["no JSON", Buffer.from("{broken\n")],
    ["no object", line(["pong"])],
    ["null", line(null)],
    ["no t", line({ v: 1, id: 7 })],
    ["a missing field", line({ v: 1, t: "pong" })],
    ["a field of another type", line({ v: 1, t: "pong", id: "7" })],
    ["a name of Object.prototype", line({ v: 1, t: "constructor" })],
    ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe, 10])],
  ])("leaves out a line with %s and goes on", (_name, bytes) => {
    const reader = new MessageReader();
    expect(reader.push(Buffer.concat([bytes, line(pong)]))).toEqual([pong]);
    expect(reader.ignored).toBe(1);
  });

  it("leaves out an oversized line without keeping it, and goes on after its end", () => {
    const reader = new MessageReader();
    for (let sent = 0; sent < 100; sent++) expect(reader.push(Buffer.alloc(64 * 1024, "x"))).toEqual([]);
    expect(reader.push(Buffer.concat([Buffer.from("\n"), line(pong)]))).toEqual([pong]);
    expect(reader.ignored).toBe(1);
  });

  it("has room for the largest payload in its longest writing", () => {
    const largest = {
      t: "broadcast",
      topic: "metrics",
      payload: "\u0001".repeat(MAX_PAYLOAD_BYTES),
    } as const;
    expect(new MessageReader().push(Buffer.from(encodeMessage(largest)))).toEqual([{ v: 1, ...largest }]);
  });

  it("takes an empty line as nothing: a dying worker begins with one", () => {
    const reader = new MessageReader();
    expect(reader.push(Buffer.from(`\n${encodeMessage({ t: "fatal", error: "e" })}`))).toHaveLength(1);
    expect(reader.ignored).toBe(0);
  });
});
