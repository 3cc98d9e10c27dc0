/** `npm run generate`: makes every generated file anew, each from the template beside it. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

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
  ["generate", "--template", "test/vectors/buf.gen.yaml"],
];

for (const args of commands) execFileSync("buf", args, { cwd: root, stdio: "inherit" });
