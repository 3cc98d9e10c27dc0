import fs from "node:fs";

import { encodeMessage } from "../messages.ts";
import type { WorkerMessage } from "../messages.ts";

const MAX_ERROR_CHARACTERS = 8192;

/** Tells the supervisor what it has to know of a process that ends now: written at once, past whatever waits to be written. */
export function writeLastMessage(controlFd: number, message: WorkerMessage): void {
  const cut =
    message.t === "fatal" ? { ...message, error: message.error.slice(0, MAX_ERROR_CHARACTERS) } : message;
  try {
    // The line end before it closes a line that may be half written.
    fs.writeSync(controlFd, `\n${encodeMessage(cut)}`);
  } catch {
    // The channel is full or gone.
  }
}
