/** `npm run generate`: makes every generated file anew, each from the template beside it. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderOptionsMarkdown } from "../../server/src/config/markdown.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** In this order: the plugin's own options first, since the others run the plugin. */
const commands: readonly (readonly string[])[] = [
  ["generate", "--template", "plugin/buf.gen.yaml"],
  ["generate"],
  [
    "build",
    "proto",
    "--as-file-descriptor-set",
    "--exclude-source-info",
    "-o",
    "server/src/gen/descriptors.binpb",
  ],
  ["generate", "--template", "test/support/buf.gen.yaml"],
  ["generate", "--template", "plugin/example/buf.gen.yaml"],
  ["generate", "--template", "test/bench/fieldmask/buf.gen.yaml"],
  ["generate", "--template", "test/vectors/buf.gen.ts-proto.yaml"],
  ["generate", "--template", "test/vectors/buf.gen.protobuf-es.yaml"],
];

for (const args of commands) execFileSync("buf", args, { cwd: root, stdio: "inherit" });

const readme = `${root}server/README.md`;
const table = renderOptionsMarkdown().trim();
writeFileSync(
  readme,
  readFileSync(readme, "utf8").replace(
    /(<!-- options: .*-->\n)[\s\S]*(<!-- \/options -->)/,
    `$1\n${table}\n\n$2`,
  ),
);
execFileSync("prettier", ["--write", "--log-level=warn", readme], { cwd: root, stdio: "inherit" });
