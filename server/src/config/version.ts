import { readFileSync } from "node:fs";

export const productName = "fieldpost";

/** The release, as server/package.json has it; it stands at the same place for src/ and dist/. */
export const version: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
