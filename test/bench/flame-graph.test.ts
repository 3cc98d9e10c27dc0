import { describe, expect, test } from "vitest";
import { mergeProfiles, renderFlameGraph, type CpuProfile, type Frame } from "./flame-graph.ts";

const sourceRoot = "file:///home/someone/fieldpost/";

/** Of calls as paths such as `a/b`, each with its time in µs, one sample after the other. */
function profileOf(...calls: [path: string, micros: number][]): CpuProfile {
  const nodes: CpuProfile["nodes"] = [node(1, "(root)")];
  const idOf = new Map([["", 1]]);
  const samples = calls.map(([path]) => {
    let above = "";
    for (const name of path.split("/")) {
      const here = `${above}/${name}`;
      if (!idOf.has(here)) {
        idOf.set(here, nodes.push(node(nodes.length + 1, name)));
        (nodes[idOf.get(above)! - 1]!.children ??= []).push(idOf.get(here)!);
      }
      above = here;
    }
    return idOf.get(above)!;
  });
  const times = calls.map(([, micros]) => micros);
  const timeDeltas = [0, ...times.slice(0, -1)];
  return { nodes, samples, timeDeltas, startTime: 1000, endTime: 1000 + times.reduce((a, b) => a + b, 0) };
}

function node(id: number, functionName: string): CpuProfile["nodes"][number] {
  const isNative = functionName.startsWith("(");
  const url = isNative ? "" : `${sourceRoot}server/src/${functionName}.ts`;
  return { id, callFrame: { functionName, url, lineNumber: isNative ? -1 : 6 } };
}

function outline({ name, micros, children }: Frame): object {
  return { [`${name} ${micros}`]: [...children.values()].map(outline) };
}

describe("mergeProfiles", () => {
  test("adds what is the same call in all profiles, and counts idle time apart", () => {
    const merged = mergeProfiles(
      [
        profileOf(["a/b", 100], ["a", 50], ["(idle)", 1000], ["a/c", 7]),
        profileOf(["a/b", 30], ["(garbage collector)", 2]),
      ],
      sourceRoot,
    );
    expect(merged.totalMicros).toBe(1189);
    expect(outline(merged.root)).toEqual({
      "all 189": [{ "a 187": [{ "b 130": [] }, { "c 7": [] }] }, { "(garbage collector) 2": [] }],
    });
  });

  test("leaves the folder out of the places, and tells whose code it is", () => {
    const profile = profileOf(["own", 1]);
    const urls: [url: string, place: string, kind: string][] = [
      [`${sourceRoot}server/src/main.ts`, "server/src/main.ts:7", "own"],
      [
        `${sourceRoot}node_modules/@grpc/grpc-js/build/src/call.js`,
        "node_modules/@grpc/grpc-js/build/src/call.js:7",
        "grpc",
      ],
      ["file:///elsewhere/node_modules/undici/lib/a.js", "node_modules/undici/lib/a.js:7", "undici"],
      [
        "file:///elsewhere/node_modules/@bufbuild/protobuf/a.js",
        "node_modules/@bufbuild/protobuf/a.js:7",
        "package",
      ],
      ["node:internal/timers", "node:internal/timers:7", "node"],
      ["wasm://wasm/00163276", "wasm://wasm/00163276:7", "native"],
      ["", "", "native"],
    ];
    for (const [url, place, kind] of urls) {
      profile.nodes[1]!.callFrame = { functionName: "f", url, lineNumber: 6 };
      const [frame] = mergeProfiles([profile], sourceRoot).root.children.values();
      expect(frame).toMatchObject({ name: "f", place, kind });
    }
  });

  test("gives a function without a name that of its file and line", () => {
    const profile = profileOf(["f", 1]);
    profile.nodes[1]!.callFrame.functionName = "";
    const [frame] = mergeProfiles([profile], sourceRoot).root.children.values();
    expect(frame!.name).toBe("f.ts:7");
  });
});

describe("renderFlameGraph", () => {
  const merged = mergeProfiles(
    [profileOf(["a/b<c>&d", 750_000], ["a", 240_000], ["rare", 1000], ["(idle)", 1_000_000])],
    sourceRoot,
  );

  test("draws widths by time, one row above the other, and escapes names", () => {
    const svg = renderFlameGraph(merged, { title: "x < y", leastShare: 0.01 });
    expect(svg).toContain(">x &lt; y</text>");
    expect(svg).toContain("49.8 % of 2.0 s busy");
    const [all, a, b] = [
      ...svg.matchAll(/<g><title>([^<]*)<\/title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g),
    ].map(([, title, x, y, width]) => ({ title, x: Number(x), y: Number(y), width: Number(width) }));
    expect(all).toMatchObject({ title: "all\n100.0 %, 991 ms", x: 10, width: 1180 });
    expect(a).toMatchObject({
      title: "a server/src/a.ts:7\n99.9 %, 990 ms",
      x: 10,
      width: 1178.8,
      y: all!.y - 17,
    });
    expect(b).toMatchObject({
      title: expect.stringContaining("b&lt;c&gt;&amp;d"),
      x: 10,
      width: 893,
      y: a!.y - 17,
    });
    expect(svg).not.toContain("rare");
    expect(svg).not.toContain("someone");
  });

  test("shows what is above the least share", () => {
    expect(renderFlameGraph(merged, { title: "", leastShare: 0.001 })).toContain("rare server/src/rare.ts:7");
  });

  test("leaves out more until it is small enough", () => {
    const calls = Array.from({ length: 2000 }, (_, index): [string, number] => [`f${index}/g`, 1000 + index]);
    const many = mergeProfiles([profileOf(...calls)], sourceRoot);
    const whole = renderFlameGraph(many, { title: "", leastShare: 0, maxBytes: 10_000_000 });
    expect(whole.length).toBeGreaterThan(400_000);
    const bounded = renderFlameGraph(many, { title: "", leastShare: 0, maxBytes: 100_000 });
    expect(bounded.length).toBeLessThan(100_000);
    expect(bounded).toContain("f1999 ");
  });
});
