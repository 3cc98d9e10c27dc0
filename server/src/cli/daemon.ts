/** `fieldpost serve --daemon`: the process that a person starts, and that ends when the relay serves. */
import { daemonize } from "@fieldpost/supervisor";
import { exitOk } from "./client-command.ts";
import { launchCommand } from "./launch-command.ts";
import { quietPipes } from "./pipes.ts";
import { printError } from "./print-error.ts";

/** Answers the exit code, or undefined in the relay itself, which is to go on. */
export async function serveInBackground(): Promise<number | undefined> {
  const launch = await daemonize(launchCommand().command);
  if (launch === undefined) return undefined;
  if (launch.kind === "failed") {
    if (launch.message !== undefined) printError([`the relay in the background: ${launch.message}`]);
    return launch.exitCode;
  }
  quietPipes();
  const addresses = launch.listeners.map(({ name, address }) => `${name} ${address}`).join(", ");
  process.stdout.write(`fieldpost: process ${launch.pid} serves ${addresses}\n`);
  return exitOk;
}
