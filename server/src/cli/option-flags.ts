/** Between the table of options (config/options.ts) and commander. */
import { Option as CommanderOption, type Command } from "commander";
import type { Flags } from "../config/load.ts";
import { flagOf, type Option } from "../config/options.ts";
import { printUsageErrors } from "./print-error.ts";

/**
 * Adds options of the table to a command; their values stay text, which config/load.ts reads and checks. What commander
 * itself refuses is printed as everything else is.
 */
export function addOptions(command: Command, options: readonly Option<unknown>[]): void {
  command.configureOutput({
    outputError: (text) => printUsageErrors([text.replace(/^error: /, "").trimEnd()], command.name()),
  });
  for (const option of options) {
    const { placeholder } = option.type;
    const value = placeholder === "" ? "" : ` <${placeholder}>`;
    const remarks = [
      ...(option.default === undefined || placeholder === "" ? [] : [`default: ${option.default}`]),
      // The other commands run once.
      ...(option.reload === undefined || command.name() !== "serve" ? [] : [option.reload]),
    ];
    const remark = remarks.length === 0 ? "" : ` (${remarks.join("; ")})`;
    command.addOption(new CommanderOption(`${flagOf(option)}${value}`, `${option.description}${remark}`));
  }
}

/** The flags that were given, by the names of the table. */
export function flagsOf(command: Command, options: readonly { readonly name: string }[]): Flags {
  const given: Record<string, unknown> = command.opts();
  return Object.fromEntries(
    options.map(({ name }) => [name, given[attributeOf(name)] as string | true | undefined]),
  );
}

/** commander's name for `max-body`: `maxBody`. */
function attributeOf(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
