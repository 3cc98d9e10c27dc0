/** Where a worker process begins; cli/serve.ts names it to the supervisor. */
import { RelayError } from "../job/error.ts";
import { readWorkerSettings } from "./settings.ts";
import { serveAsWorker } from "./serve.ts";

const settings = readWorkerSettings(process.env);
try {
  await serveAsWorker(settings);
} catch (error) {
  if (!(error instanceof RelayError)) throw error;
  // Not a defect but something outside, such as a store that cannot be opened: a sentence says it, a stack would hide it.
  // The supervisor hears what is thrown and prints it; each worker's own print would only repeat it.
  error.stack = `${settings.config.store}: ${error.message}`;
  process.once("uncaughtException", () => process.exit(1));
  throw error;
}
