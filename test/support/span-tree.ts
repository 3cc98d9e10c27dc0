/**
 * A trace printed for a person:
 *
 *     trace 4bf92f3577b34da6a3ce929d0e0e4736
 *     fieldpost  fieldpost.v1.RelayService/Enqueue  server  2.1 ms  rpc.status_code=OK
 *     └─ fieldpost  send default  producer  1.4 ms
 *        ╌> fieldpost  process default  consumer  8.0 ms  linked, trace 5cd…
 *
 * A span of another trace that links to one of these stands below it.
 */
import type { CollectedSpan } from "./spans.ts";

/** What is worth its place on the line. */
const keyAttributes = [
  "rpc.status_code",
  "http.request.method",
  "url.full",
  "http.response.status_code",
  "messaging.destination.name",
  "messaging.message.id",
  "messaging.batch.message_count",
  "fieldpost.attempt",
  "error.type",
];

export function printTree(spans: readonly CollectedSpan[], traceId: string): string {
  const own = spans.filter((span) => span.traceId === traceId);
  if (own.length === 0) return `trace ${traceId}: no spans`;
  const ids = new Set(own.map(keyOf));
  const roots = own.filter((span) => !ids.has(`${traceId}/${span.parentSpanId}`)).toSorted(byStart);
  const printer = new TreePrinter(spans);
  const lines = roots.flatMap((root) => printer.lines(root, "", ""));
  return [`trace ${traceId}`, ...lines].join("\n");
}

class TreePrinter {
  readonly #children: ReadonlyMap<string, CollectedSpan[]>;
  readonly #linked = new Map<string, CollectedSpan[]>();
  readonly #printed = new Set<string>();

  constructor(spans: readonly CollectedSpan[]) {
    this.#children = Map.groupBy(spans, (span) => `${span.traceId}/${span.parentSpanId}`);
    for (const span of spans) {
      for (const link of span.links) {
        if (link.traceId === span.traceId) continue;
        const key = keyOf(link);
        const list = this.#linked.get(key);
        if (list === undefined) this.#linked.set(key, [span]);
        else list.push(span);
      }
    }
  }

  lines(span: CollectedSpan, branch: string, indent: string): string[] {
    const key = keyOf(span);
    if (this.#printed.has(key)) return [];
    this.#printed.add(key);
    const below = [
      ...(this.#children.get(key) ?? []).toSorted(byStart).map((child) => ({ child, linked: false })),
      ...(this.#linked.get(key) ?? []).toSorted(byStart).map((child) => ({ child, linked: true })),
    ];
    const lines = [`${branch}${describe(span, branch.endsWith("> "))}`];
    for (const [index, { child, linked }] of below.entries()) {
      const last = index === below.length - 1;
      const arm = linked ? (last ? "╰╌> " : "├╌> ") : last ? "└─ " : "├─ ";
      const deeper = (last ? " " : "│").padEnd(arm.length);
      lines.push(...this.lines(child, `${indent}${arm}`, `${indent}${deeper}`));
    }
    return lines;
  }
}

function describe(span: CollectedSpan, viaLink: boolean): string {
  const attributes = keyAttributes
    .filter((key) => span.attributes[key] !== undefined)
    .map((key) => `${key}=${String(span.attributes[key])}`);
  const parts = [span.service, span.name, span.kind, `${span.durationMs.toFixed(1)} ms`, ...attributes];
  if (span.status.code === "error") parts.push(`ERROR ${span.status.message}`.trimEnd());
  if (viaLink) parts.push(`trace ${span.traceId}`);
  for (const link of span.links) parts.push(`link to ${link.spanId}`);
  return parts.join("  ");
}

function keyOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return `${traceId}/${spanId}`;
}

function byStart(a: CollectedSpan, b: CollectedSpan): number {
  return Number(a.startTimeNs - b.startTimeNs);
}
