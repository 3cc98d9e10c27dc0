// Tries a version out before anything is given up for it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import type { Readable } from "node:stream";

import { CHECK_VARIABLE } from "./check.ts";
import type { CheckReport } from "./check.ts";
import { launchDirectory, launchedMain, launchTime, realPathOf } from "./launch.ts";

/** How much of what it writes is kept, from its end, in characters. */
const MAX_OUTPUT = 4096;

const recorder = new URL(`./record-loads${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * Runs the program as a start would, with its worker module, but binds nothing. Returns what in it is newer than this process, or
 * undefined if this process is already what a start would make. Rejects, with what the program wrote, if it would not start.
 *
 * @param timeoutMs then it is killed, and has failed
 */
export async function preflight(command: readonly string[], timeoutMs: number): Promise<string | undefined> {
  const [file = "", ...args] = command;
  const flags = process.env["NODE_OPTIONS"] ?? "";
  const child = spawn(file, args, {
    ...(launchDirectory === undefined ? {} : { cwd: launchDirectory }),
    env: {
      ...process.env,
      NODE_OPTIONS: `${flags} --import=${recorder.href}`,
      [CHECK_VARIABLE]: "3",
    },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A group of its own, which can be killed whole.
    detached: true,
  });
  const timer = setTimeout(() => child.pid === undefined || process.kill(-child.pid, "SIGKILL"), timeoutMs);
  const [output, errors, report] = [1, 2, 3].map((fd) => collect(child.stdio[fd] as Readable, fd === 3));
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (code === 0 && report!.text !== "") return whatIsNewer(JSON.parse(report!.text) as CheckReport);
    const said = `${output!.text}${errors!.text}`.trim();
    const how =
      signal === "SIGKILL"
        ? `was not done within ${timeoutMs} ms`
        : `ended with ${signal ?? `exit code ${code}`}`;
    const what = code === 0 ? "ended without a call of startSupervisor" : how;
    throw new Error(`the check of the new version ${what}${said === "" ? "" : `: ${said}`}`);
  } finally {
    clearTimeout(timer);
  }
}

function collect(stream: Readable, whole: boolean): { text: string } {
  const collected = { text: "" };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    collected.text += text;
    if (!whole) collected.text = collected.text.slice(-MAX_OUTPUT);
  });
  return collected;
}

function whatIsNewer({ nodeVersion, execPath, main, files }: CheckReport): string | undefined {
  if (nodeVersion !== process.version) return `Node ${nodeVersion} instead of ${process.version}`;
  if (realPathOf(execPath) !== realPathOf(process.execPath)) return execPath;
  if (main !== launchedMain) return main;
  return [execPath, ...files].find((file) => fs.statSync(file).ctimeMs >= launchTime);
}
