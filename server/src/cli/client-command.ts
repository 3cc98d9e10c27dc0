/** What all commands have in common that call a relay: their options, configuration, errors and end. */
import type { Command } from "commander";
import { ConfigError, loadClientConfig } from "../config/load.ts";
import { clientOptions, type Option } from "../config/options.ts";
import type { Relay } from "./client.ts";
import { addOptions, flagsOf } from "./option-flags.ts";
import { printError, printUsageErrors } from "./print-error.ts";
import { openCallTracing } from "./tracing.ts";
import { version } from "../config/version.ts";

/** Exit codes: all is done, something failed, the command was called wrongly. */
export const exitOk = 0;
export const exitFailed = 1;
export const exitUsage = 2;

/** The command was called wrongly, in a way that its option table cannot see. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const options: readonly Option<unknown>[] = Object.values(clientOptions);

/** Gives a command the options that say which relay is called and how long a call may take. */
export function addClientOptions(command: Command): void {
  addOptions(command, options);
}

/** Opens the relay that flags and environment name, runs `body` with it, and closes it. Answers the exit code. */
export async function withRelay(
  command: Command,
  body: (relay: Relay) => Promise<number>,
  channels = 1,
): Promise<number> {
  const config = loadClientConfig(flagsOf(command, options), process.env);
  const [{ openRelay }, tracing] = await Promise.all([
    import("./client.ts"),
    openCallTracing(process.env, version),
  ]);
  const relay = openRelay(config, { channels, tracing });
  try {
    return await body(relay);
  } catch (error) {
    return await reportRpcError(error, relay.address);
  } finally {
    relay.close();
    await tracing.shutdown();
  }
}

async function reportRpcError(error: unknown, address: string): Promise<number> {
  const { RpcError, describeRpcError } = await import("./rpc-error.ts");
  if (!(error instanceof RpcError)) throw error;
  printError(describeRpcError(error, address));
  return exitFailed;
}

/**
 * Prints what a command threw that is the caller's to mend, and answers the exit code; throws anything else again.
 *
 * @param command its name; the first word of a command line is always one where a command has run
 */
export function reportError(error: unknown, command = process.argv[2] ?? ""): number {
  if (error instanceof ConfigError) printUsageErrors(error.problems, command);
  else if (error instanceof UsageError) printUsageErrors([error.message], command);
  else throw error;
  return exitUsage;
}
