/** Where a worker process begins; cli/serve.ts names it to the supervisor. */
import { readWorkerSettings } from "./settings.ts";
import { serveAsWorker } from "./serve.ts";

const { config, instance } = readWorkerSettings(process.env);
await serveAsWorker(config, instance);
