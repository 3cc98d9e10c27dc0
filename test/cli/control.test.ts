/** `fieldpost reload` and `fieldpost status`, with a relay that runs. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SupervisorStatus, WorkerStatus } from "@fieldpost/supervisor/control";
import { describe, expect, it } from "vitest";
import { describeStatus } from "../../server/src/cli/status.ts";
import { makeFolder, startRelay } from "../support/relay.ts";
import { run } from "./fixtures/run.ts";

describe("fieldpost reload", () => {
  it("is done when every worker is replaced, and the PID stays", async () => {
    await using relay = await startRelay({ workers: 2 });
    const before = relay.workerPids();
    const result = await run(["reload", "--store", relay.store]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toMatch(/^2 workers replaced in \d+\.\d s\n$/);
    expect(relay.workerPids().filter((pid) => before.includes(pid))).toEqual([]);
    const status = JSON.parse((await run(["status", "--json", "--store", relay.store])).stdout) as {
      pid: number;
    };
    expect(relay.lines.find(({ msg }) => msg === "serving")).toMatchObject({ pid: status.pid });
  });

  it("finds the relay by --control, by environment and by the file that this was started with", async () => {
    const dir = makeFolder();
    const control = join(dir, "c");
    const file = join(dir, "fieldpost.yaml");
    writeFileSync(file, `control: ${control}\n`);
    await using relay = await startRelay({ workers: 1, dir, args: ["--config", file] });
    expect(relay.store).not.toBe("");
    for (const [args, env] of [
      [["--control", control], {}],
      [["--config", file], {}],
      [[], { FIELDPOST_CONTROL: control }],
    ] as const) {
      const result = await run(["reload", "--json", ...args], { env });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(result.stdout)).toMatchObject({ replaced: 1 });
    }
  });

  it("says where it looked when nobody answers", async () => {
    const store = join(makeFolder(), "fieldpost.db");
    const result = await run(["reload", "--store", store]);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toBe(
      `fieldpost: no supervisor answers at ${store}.control (ENOENT)\n` +
        "  --store, --control or --config have to be those that the relay was started with\n",
    );
  });
});

describe("fieldpost status", () => {
  it("shows the relay, its addresses and a row for each process", async () => {
    await using relay = await startRelay({ workers: 2 });
    const result = await run(["status", "--store", relay.store]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const [head, addresses, limits, empty, names, ...rows] = result.stdout.trimEnd().split("\n");
    expect(head).toMatch(/^supervisor \d+ running since \S+: fieldpost \d+\.\d+\.\d+, Node v24\./);
    expect(addresses).toBe(`grpc ${relay.grpcAddress}  http ${relay.httpUrl.replace("http://", "")}`);
    expect(limits).toMatch(/^\d+ open files for each process, \w/);
    expect(empty).toBe("");
    expect(names).toMatch(/^SLOT +STATE +PID +GENERATION +CPU +CONNECTIONS +LAG +RESTARTS +SINCE$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 4))).toEqual(
      relay.workerPids().map((pid, slot) => [String(slot), "ready", String(pid), "1"]),
    );
  });

  it("shows who comes and who goes in a reload", () => {
    const worker: WorkerStatus = {
      ...{ slot: 0, pid: 11, generation: 1, startTime: "2026-11-25T10:00:00.000Z", cpu: 3, connections: 5 },
      ...{ state: "ready" as const, lagMs: 0.25, restarts: 2, adopted: [], predecessor: undefined },
      successor: { pid: 12, generation: 2, state: "starting", connections: 0 },
    };
    const status: SupervisorStatus = {
      ...{ pid: 10, phase: "running" as const, startTime: "2026-11-25T09:00:00.000Z", version: undefined },
      ...{ nodeVersion: "v24.1.0", listeners: [{ name: "grpc", address: "[::]:1" }], unpinned: undefined },
      ...{ maxOpenFiles: 1024, workers: [worker] },
    };
    expect(describeStatus(status)).toBe(
      [
        "supervisor 10 running since 2026-11-25T09:00:00.000Z: Node v24.1.0",
        "grpc [::]:1",
        "1024 open files for each process, each worker on its CPU",
        "",
        "SLOT  STATE     PID  GENERATION  CPU  CONNECTIONS  LAG     RESTARTS  SINCE",
        "0     ready     11   1           3    5            0.3 ms  2         2026-11-25T10:00:00.000Z",
        "0     starting  12   2                0",
        "",
      ].join("\n"),
    );
  });
});
