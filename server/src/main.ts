/** The command `fieldpost`: the table of its commands, and nothing else. */
import { Command, CommanderError } from "commander";
import { defineChange, runCancel, runDelete, runRetry } from "./cli/change-jobs.ts";
import { exitFailed, exitOk, exitUsage, reportError } from "./cli/client-command.ts";
import { defineEnqueue, runEnqueue } from "./cli/enqueue.ts";
import { defineGet, runGet } from "./cli/get.ts";
import { defineList, runList } from "./cli/list.ts";
import { defineReload, runReload } from "./cli/reload.ts";
import { defineServe, runServe } from "./cli/serve-command.ts";
import { defineStatus, runStatus } from "./cli/status.ts";
import { quietPipes } from "./cli/pipes.ts";
import { printError } from "./cli/print-error.ts";
import { version } from "./config/version.ts";

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Adds arguments and options. Cheap: it runs for each command at each start; `run` loads what it needs. */
  define(command: Command): void;
  /** Answers the exit code. */
  run(command: Command): Promise<number>;
}

const commands: readonly CommandEntry[] = [
  { name: "serve", summary: "run the relay", define: defineServe, run: runServe },
  {
    name: "enqueue",
    summary: "hand over one request, or a file of them",
    define: defineEnqueue,
    run: runEnqueue,
  },
  { name: "get", summary: "show a job", define: defineGet, run: runGet },
  { name: "list", summary: "list jobs, newest first", define: defineList, run: runList },
  {
    name: "cancel",
    summary: "cancel a job, or all that match a filter",
    define: defineChange,
    run: runCancel,
  },
  {
    name: "retry",
    summary: "send a job again that has ended or is held, or all that match a filter",
    define: defineChange,
    run: runRetry,
  },
  {
    name: "delete",
    summary: "delete a job that has ended, or all that match a filter",
    define: defineChange,
    run: runDelete,
  },
  {
    name: "reload",
    summary: "replace the workers of the relay on this machine; done when it is",
    define: defineReload,
    run: runReload,
  },
  {
    name: "status",
    summary: "show the processes of the relay on this machine",
    define: defineStatus,
    run: runStatus,
  },
];

/** Names that are taken, and that a later release offers. */
const laterCommands: ReadonlySet<string> = new Set(
  "watch update trace queue schedule route token store doctor completion".split(" "),
);

/** As bin/fieldpost says it; this is for those who start this file with a Node of their own. */
const leastNodeMajor = 24;

async function main(args: readonly string[]): Promise<number> {
  if (Number.parseInt(process.versions.node, 10) < leastNodeMajor) {
    printError([`needs Node ${leastNodeMajor} or later (found: v${process.versions.node})`]);
    return exitFailed;
  }
  const [name = ""] = args;
  // The log of a relay may go to a pipe as well, and its end must not end the relay.
  if (name !== "serve") quietPipes();
  if (laterCommands.has(name)) {
    printError([`"${name}" is not in this release`]);
    return exitUsage;
  }
  let code = exitOk;
  const program = new Command("fieldpost")
    .description("Hands HTTP requests off safely: on disk before the answer, sent in the background.")
    .version(`fieldpost ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("after", '\n"fieldpost help serve" shows the options of a command.')
    .showHelpAfterError(false)
    .configureOutput({
      outputError: (text) => printError([text.replace(/^error: /, "").trimEnd(), "  see fieldpost help"]),
    })
    .exitOverride();
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
    entry.define(command);
    command.action(async () => {
      code = await entry.run(command);
    });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // commander has printed what is the matter.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitOk : exitUsage;
    return reportError(error);
  }
}

process.exit(await main(process.argv.slice(2)));
