// Preloaded (`--import`) into the check of a new version: remembers which files that loads.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

declare global {
  var fieldpostLoadedFiles: Set<string> | undefined;
}

const files = (globalThis.fieldpostLoadedFiles = new Set<string>());

registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith("file:")) files.add(fileURLToPath(url.replace(/[?#].*$/, "")));
    return nextLoad(url, context);
  },
});
