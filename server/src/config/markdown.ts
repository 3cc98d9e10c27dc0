import { allOptions, environmentOf, flagOf, type Option } from "./options.ts";

/** The reference of all options as a Markdown table, for the documentation. */
export function renderOptionsMarkdown(options: readonly Option<unknown>[] = allOptions): string {
  const rows = options.map((option) => [
    code(`${flagOf(option)}${option.type.placeholder === "" ? "" : ` ${option.type.placeholder}`}`),
    code(environmentOf(option)),
    option.default === undefined ? "" : code(option.default),
    option.commands.map(code).join(", "),
    `${cell(option.description)}. Allowed: ${cell(option.type.allowed)}.`,
  ]);
  const lines = [
    ["flag", "environment", "default", "commands", "meaning"],
    ["---", "---", "---", "---", "---"],
    ...rows,
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
