/** `fieldpost status`: the processes of a relay, as its supervisor sees them. */
import type { SupervisorStatus, WorkerProcess } from "@fieldpost/supervisor/control";
import type { Command } from "commander";
import { exitOk } from "./client-command.ts";
import { addControlOptions, withControl } from "./control-command.ts";
import { inColumns } from "./output.ts";

export function defineStatus(command: Command): void {
  command.option("--json", "print the status as JSON");
  addControlOptions(command);
}

export function runStatus(command: Command): Promise<number> {
  const { json = false } = command.opts<{ json?: true }>();
  return withControl(command, async (path) => {
    const { requestStatus } = await import("@fieldpost/supervisor/control");
    const status = await requestStatus(path);
    process.stdout.write(json ? `${JSON.stringify(status)}\n` : describeStatus(status));
    return exitOk;
  });
}

const head = ["SLOT", "STATE", "PID", "GENERATION", "CPU", "CONNECTIONS", "LAG", "RESTARTS", "SINCE"];

/** A line on the relay, one on where it listens, one on its limits, and a table with a row for each process. */
export function describeStatus({
  pid,
  phase,
  version,
  nodeVersion,
  startTime,
  ...status
}: SupervisorStatus): string {
  const versions = [version === undefined ? [] : `fieldpost ${version}`, `Node ${nodeVersion}`]
    .flat()
    .join(", ");
  const addresses = status.listeners.map(({ name, address }) => `${name} ${address}`).join("  ");
  const rows = status.workers.flatMap(({ slot, successor, predecessor, ...worker }) => [
    [
      String(slot),
      worker.state,
      text(worker.pid),
      String(worker.generation),
      text(worker.cpu),
      String(worker.connections),
      `${worker.lagMs.toFixed(1)} ms`,
      String(worker.restarts),
      worker.startTime ?? "-",
    ],
    ...[successor, predecessor]
      .filter((process) => process !== undefined)
      .map((process) => rowOf(slot, process)),
  ]);
  const limits = [
    status.maxOpenFiles === undefined ? [] : `${status.maxOpenFiles} open files for each process`,
    status.unpinned === undefined ? "each worker on its CPU" : `workers not pinned: ${status.unpinned}`,
  ];
  const lines = [
    `supervisor ${pid} ${phase} since ${startTime}: ${versions}`,
    ...[addresses, limits.flat().join(", "), ""],
  ];
  return `${lines.join("\n")}\n${inColumns([head, ...rows])}`;
}

function rowOf(slot: number, { state, pid, generation, connections }: WorkerProcess): string[] {
  return [String(slot), state, text(pid), String(generation), "", String(connections)];
}

function text(value: number | undefined): string {
  return value === undefined ? "-" : String(value);
}
