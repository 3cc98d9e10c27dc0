import fs from "node:fs";

import type { Logger } from "./options.ts";

/** One line each on standard error. */
export const stderrLogger: Logger = { info: writeLine, warn: writeLine, error: writeLine };

/** Past `process.stderr`, which ends the process where a file's disk is full, and never writes again. */
function writeLine(message: string, fields: Record<string, unknown>): void {
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  let rest = Buffer.from(`supervisor: ${message}${details.join("")}\n`);
  try {
    while (rest.length > 0) rest = rest.subarray(fs.writeSync(2, rest));
  } catch (error) {
    // A pipe whose reader is slow: the stream waits for it. Otherwise the line is lost, and the supervisor is not.
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") process.stderr.write(rest);
  }
}
