/** The tree is the architecture: who may import whom (README, "Who may import whom"). Read from the sources, not from a picture. */
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packageOf, readImports } from "../support/imports.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Import {
  /** From the root: server/src/api/enqueue.ts. */
  readonly from: string;
  /** A file from the root, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

const sourceFolders = ["plugin/runtime/src", "plugin/src", "server/supervisor/src", "server/src"];

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const isGenerated = (file: string): boolean => file.includes("/gen/");

function importsOf(file: string): Import[] {
  return readImports(readFileSync(join(root, file), "utf8")).map(({ specifier, typeOnly, line }) => ({
    from: file,
    to: specifier.startsWith(".") ? relative(root, resolve(root, dirname(file), specifier)) : specifier,
    typeOnly,
    line,
  }));
}

const files = sourceFolders.flatMap(filesIn).filter((file) => !file.startsWith("server/src/gen/"));
const imports = files.flatMap(importsOf);

const isBuiltin = (to: string): boolean =>
  to.startsWith("node:") || builtinModules.includes(to.split("/")[0] ?? to);

const isPackage = (to: string, name: string): boolean => to === name || to.startsWith(`${name}/`);

/** In which room a file lies: `server/src/api`. */
const inRoom = (path: string, room: string): boolean => path.startsWith(`${room}/`);

const show = (found: readonly Import[]): string[] =>
  found.map(({ from, to, line }) => `${from}:${line} → ${to}`);

interface Rule {
  readonly room: string;
  readonly because: string;
  /** Imports that break the rule. */
  readonly never: (one: Import) => boolean;
}

const server = (room: string): string => `server/src/${room}`;

const rules: readonly Rule[] = [
  {
    room: "plugin/runtime/src",
    because:
      "it ships to browsers; protoplugin brings a whole TypeScript, and ts-proto's users need no protobuf-es",
    never: ({ from, to }) =>
      !to.startsWith("plugin/runtime/src/") &&
      !(from === "plugin/runtime/src/protobuf-es.ts" && packageOf(to) === "@bufbuild/protobuf"),
  },
  {
    room: server("job"),
    because: "the words that everybody shares",
    never: ({ to }) => !inRoom(to, server("job")),
  },
  {
    room: server("store"),
    because: "or the second store never comes",
    never: ({ to }) =>
      ["api", "gen", "dispatch", "schedule", "http", "worker", "cli"].some((r) => inRoom(to, server(r))),
  },
  {
    room: server("schedule"),
    because: "protobuf stops at the door",
    never: ({ to }) =>
      ["api", "gen", "http", "dispatch", "worker", "store/sqlite", "store/postgres"].some((r) =>
        inRoom(to, server(r)),
      ),
  },
  {
    room: server("dispatch"),
    because: "protobuf stops at the door",
    never: ({ to }) =>
      ["api", "gen", "http", "schedule", "worker", "store"].some((r) => inRoom(to, server(r))),
  },
  {
    room: server("api"),
    because: "it knows only contracts",
    never: ({ to }) =>
      ["store/sqlite", "store/postgres", "dispatch", "schedule", "worker", "cli", "http"].some((r) =>
        inRoom(to, server(r)),
      ),
  },
  {
    room: server("http"),
    because: "it knows only contracts",
    never: ({ to }) =>
      ["store/sqlite", "store/postgres", "dispatch", "schedule", "worker", "cli"].some((r) =>
        inRoom(to, server(r)),
      ),
  },
  {
    room: "server/supervisor/src",
    because: "a library of its own",
    never: ({ to }) =>
      !isBuiltin(to) && to !== "koffi" && to !== "@grpc/grpc-js" && !inRoom(to, "server/supervisor/src"),
  },
  {
    room: server("telemetry"),
    because: "it serves all rooms and knows none",
    never: ({ to }) =>
      to.startsWith("server/src/") && !inRoom(to, server("telemetry")) && !inRoom(to, server("job")),
  },
];

describe("imports", () => {
  test("are found by the pattern that this test reads them with", () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.some(({ from, to }) => from.endsWith("api/server.ts") && to === "@grpc/grpc-js")).toBe(
      true,
    );
    expect(imports.some(({ from, to }) => from.endsWith("main.ts") && to.includes("/cli/"))).toBe(true);
  });

  for (const { room, because, never } of rules) {
    test(`${room} keeps to its room: ${because}`, () => {
      expect(show(imports.filter((one) => inRoom(one.from, room) && never(one)))).toEqual([]);
    });
  }

  test("grpc-js is loaded behind few doors: api, cli and the supervisor's grpc", () => {
    const doors = [server("api"), server("cli"), "server/supervisor/src/grpc"];
    const elsewhere = imports.filter(
      ({ from, to, typeOnly }) =>
        isPackage(to, "@grpc/grpc-js") && !typeOnly && !doors.some((door) => inRoom(from, door)),
    );
    expect(show(elsewhere)).toEqual([]);
  });

  test("the supervisor's core loads koffi and nothing else", () => {
    const packages = imports.filter(
      ({ from, to, typeOnly }) =>
        inRoom(from, "server/supervisor/src") &&
        !typeOnly &&
        !isBuiltin(to) &&
        !to.startsWith("server/") &&
        to !== "koffi",
    );
    expect(show(packages)).toEqual([]);
  });

  test("the OpenTelemetry SDK is telemetry's alone; the rest uses its API", () => {
    const elsewhere = imports.filter(
      ({ from, to }) =>
        to.startsWith("@opentelemetry/") && to !== "@opentelemetry/api" && !inRoom(from, server("telemetry")),
    );
    expect(show(elsewhere)).toEqual([]);
  });

  test("no file imports itself through others", () => {
    const next = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (!typeOnly && !isBuiltin(to)) next.set(from, [...(next.get(from) ?? []), to]);
    }
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at !== -1) cycles.push([...path.slice(at), file].join(" → "));
      else if (!done.has(file)) {
        for (const to of next.get(file) ?? []) visit(to, [...path, file]);
        done.add(file);
      }
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test("no hand-written file is much over 300 lines", () => {
    const long = files
      .filter((file) => !isGenerated(file))
      .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length }))
      .filter(({ lines }) => lines > 330);
    expect(long).toEqual([]);
  });

  test("no room is a drawer for what has no place", () => {
    const drawers = files.filter((file) => /\/(util|utils|common|helpers|types|misc)(\/|\.ts$)/.test(file));
    expect(drawers).toEqual([]);
  });
});
