/** The examples that the documentation shows, as the tests run them. */
import { readFileSync } from "node:fs";

/** The one block of this language in proto/README.md, the example that users begin with. */
export function documented(language: string, heading: string): string {
  const readme = readFileSync(new URL("../../proto/README.md", import.meta.url), "utf8");
  const section = readme.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? "";
  const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter((block) => block[1] === language);
  if (blocks.length !== 1) throw new Error(`${blocks.length} blocks of ${language} below ${heading}`);
  return blocks[0]![2]!;
}

/** An example with the addresses of a relay and a target that the test started. */
export function withAddresses(example: string, relay: string, target: string): string {
  const changed = example
    .replaceAll('"127.0.0.1:50051"', JSON.stringify(relay))
    .replaceAll('"http://127.0.0.1:8080/healthz"', JSON.stringify(target));
  if (changed === example) throw new Error("the example holds no address");
  return changed;
}
