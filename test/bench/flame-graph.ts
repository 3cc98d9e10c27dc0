// Turns CPU profiles of V8 into one flame graph: a self-contained SVG, as wide as the time that was not idle.

/** As V8 writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile; times in µs. */
export interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] | undefined }[];
  startTime: number;
  endTime: number;
  /** The node that ran at each sample, and the time since the sample before. */
  samples?: number[] | undefined;
  timeDeltas?: number[] | undefined;
}
export interface CallFrame {
  functionName: string;
  /** Empty for what is not JavaScript. */
  url: string;
  /** From 0; -1 when unknown. */
  lineNumber: number;
}

/** A call, in all profiles and at all times together. */
export interface Frame {
  name: string;
  /** `path:line`; empty for what is not JavaScript. */
  place: string;
  kind: Kind;
  /** With all that it called. */
  micros: number;
  children: Map<string, Frame>;
}
export interface MergedProfile {
  root: Frame;
  /** How long all profiles together took; what the root lacks of it was idle. */
  totalMicros: number;
}

/** Whose code it is, and the colour. */
const kinds = {
  own: ["this repository", "#f4a259"],
  grpc: ["grpc-js", "#8cb369"],
  undici: ["undici", "#6fb7a5"],
  package: ["other packages", "#bc9ec1"],
  node: ["Node's JavaScript", "#8fb8de"],
  native: ["native code, WebAssembly, garbage collection", "#c9c5ba"],
} as const;
type Kind = keyof typeof kinds;

/** Neither work nor part of a call: where V8's tree begins, and where the event loop waits. */
const rootName = "(root)";
const idleName = "(idle)";

/** `sourceRoot` (a file URL with a slash at its end) is left out of the places. */
export function mergeProfiles(profiles: readonly CpuProfile[], sourceRoot: string): MergedProfile {
  const root = makeFrame({ functionName: "all", url: "", lineNumber: -1 }, sourceRoot);
  let totalMicros = 0;
  for (const { nodes, samples = [], timeDeltas = [], startTime, endTime } of profiles) {
    totalMicros += endTime - startTime;
    const nodeOf = new Map(nodes.map((node) => [node.id, node]));
    const parentOf = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
    const pathOf = new Map<number, Frame[]>();
    let atMicros = startTime;
    for (const [index, id] of samples.entries()) {
      atMicros += timeDeltas[index]!;
      // A sample stands for the time until the next.
      const micros = Math.max(0, timeDeltas[index + 1] ?? endTime - atMicros);
      if (nodeOf.get(id)!.callFrame.functionName === idleName) continue;
      for (const frame of framesTo(id)) frame.micros += micros;
    }

    function framesTo(id: number): Frame[] {
      const known = pathOf.get(id);
      if (known !== undefined) return known;
      const { callFrame } = nodeOf.get(id)!;
      const parent = parentOf.get(id);
      const above = parent === undefined ? [root] : framesTo(parent);
      const path =
        callFrame.functionName === rootName ? above : [...above, childOf(above.at(-1)!, callFrame)];
      pathOf.set(id, path);
      return path;
    }
  }
  return { root, totalMicros };

  function childOf(parent: Frame, call: CallFrame): Frame {
    const key = `${call.functionName} ${call.url}:${call.lineNumber}`;
    let child = parent.children.get(key);
    if (child === undefined) parent.children.set(key, (child = makeFrame(call, sourceRoot)));
    return child;
  }
}

function makeFrame({ functionName, url, lineNumber }: CallFrame, sourceRoot: string): Frame {
  const path = url.startsWith(sourceRoot)
    ? url.slice(sourceRoot.length)
    : url.replace(/^.*\/(?=node_modules\/)/, "");
  const place = path === "" ? "" : `${path}:${lineNumber + 1}`;
  const name = functionName === "" ? (place.split("/").at(-1) ?? "") : functionName;
  return { name, place, kind: kindOf(path), micros: 0, children: new Map() };
}

function kindOf(path: string): Kind {
  if (path === "" || path.startsWith("wasm:")) return "native";
  if (path.startsWith("node:")) return "node";
  const packageName = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  if (packageName === undefined) return "own";
  if (packageName === "@grpc/grpc-js") return "grpc";
  return packageName === "undici" ? "undici" : "package";
}

const widthPx = 1200;
const marginPx = 10;
const rowPx = 17;
const headPx = 44;
const footPx = 34;
const charPx = 6.5;

/** What took less than `leastShare` of the time is left out; what is over `maxBytes` with it, too, smallest first. */
export function renderFlameGraph(
  { root, totalMicros }: MergedProfile,
  {
    title,
    leastShare = 0.002,
    maxBytes = 150_000,
  }: { title: string; leastShare?: number; maxBytes?: number },
): string {
  const svg = draw(leastShare);
  return svg.length <= maxBytes || leastShare > 1
    ? svg
    : renderFlameGraph({ root, totalMicros }, { title, leastShare: leastShare * 1.25 + 0.00001, maxBytes });

  function draw(least: number): string {
    const perMicro = (widthPx - 2 * marginPx) / root.micros;
    const depth = depthOf(root, root.micros * least);
    const floor = headPx + depth * rowPx;
    const rows: string[] = [];
    place(root, marginPx, 1);
    const busy = `${percent(root.micros, totalMicros)} of ${(totalMicros / 1e6).toFixed(1)} s busy`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${widthPx} ${floor + footPx}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="10.5" fill="#222">`,
      `<style>g:hover>rect{stroke:#222}rect{stroke:#fff;stroke-width:.6}</style>`,
      `<rect width="${widthPx}" height="${floor + footPx}" fill="#fff"/>`,
      `<text x="${marginPx}" y="26" font-size="16">${escape(title)}</text>`,
      `<text x="${widthPx - marginPx}" y="26" text-anchor="end">${busy}; under ${(100 * least).toFixed(1)} % left out</text>`,
      ...rows,
      legend(floor + 12),
      "</svg>\n",
    ].join("\n");

    function place(frame: Frame, x: number, level: number): void {
      const width = frame.micros * perMicro;
      const y = floor - level * rowPx;
      const room = Math.floor((width - 5) / charPx);
      const label = frame.name.length <= room ? frame.name : `${frame.name.slice(0, room - 1)}…`;
      const text = room < 3 ? "" : `<text x="${fixed(x + 3)}" y="${y + 12}">${escape(label)}</text>`;
      const where = frame.place === "" ? "" : ` ${frame.place}`;
      const share = `${percent(frame.micros, root.micros)}, ${Math.round(frame.micros / 1000)} ms`;
      rows.push(
        `<g><title>${escape(`${frame.name}${where}\n${share}`)}</title>` +
          `<rect x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${rowPx - 1}" fill="${kinds[frame.kind][1]}"/>${text}</g>`,
      );
      for (const child of shown(frame, root.micros * least)) {
        place(child, x, level + 1);
        x += child.micros * perMicro;
      }
    }
  }
}

/** By name, as the order says nothing: so two graphs can be compared. */
function shown(frame: Frame, leastMicros: number): Frame[] {
  return [...frame.children.values()]
    .filter(({ micros }) => micros >= leastMicros)
    .toSorted((a, b) => (a.name + a.place < b.name + b.place ? -1 : 1));
}

function depthOf(frame: Frame, leastMicros: number): number {
  return 1 + Math.max(0, ...shown(frame, leastMicros).map((child) => depthOf(child, leastMicros)));
}

function legend(y: number): string {
  let x = marginPx;
  return Object.values(kinds)
    .map(([meaning, colour]) => {
      const at = x;
      x += 34 + meaning.length * charPx;
      return `<rect x="${fixed(at)}" y="${y}" width="12" height="12" fill="${colour}"/><text x="${fixed(at + 17)}" y="${y + 10}">${escape(meaning)}</text>`;
    })
    .join("");
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function fixed(px: number): string {
  return String(Number(px.toFixed(1)));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
