import { allOptions, environmentOf, fileKeyOf, flagOf, serveOptions, type Option } from "./options.ts";

const inFile: ReadonlySet<Option<unknown>> = new Set(Object.values(serveOptions));

/** The reference of all options as a Markdown table, for the documentation. */
export function renderOptionsMarkdown(options: readonly Option<unknown>[] = allOptions): string {
  const rows = options.map((option) => [
    code(`${flagOf(option)}${option.type.placeholder === "" ? "" : ` ${option.type.placeholder}`}`),
    code(environmentOf(option)),
    inFile.has(option) ? code(fileKeyOf(option)) : "",
    option.default === undefined ? "" : code(option.default),
    option.reload ?? "",
    option.commands.map(code).join(", "),
    `${cell(option.description)}. Allowed: ${cell(option.type.allowed)}.`,
  ]);
  const lines = [
    ["flag", "environment", "key in the file", "default", "a change", "commands", "meaning"],
    ["---", "---", "---", "---", "---", "---", "---"],
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
