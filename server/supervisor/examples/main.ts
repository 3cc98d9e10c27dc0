// The supervisor: node --disable-sigusr1 main.ts WORKER ADDRESS
import { startSupervisor } from "@fieldpost/supervisor";

const [worker = "http.ts", address = "127.0.0.1:8080"] = process.argv.slice(2);
const supervisor = await startSupervisor({
  listeners: [{ name: "main", address }],
  workerModule: new URL(worker, import.meta.url),
});
console.log(supervisor.listeners[0]?.address);
process.exitCode = await supervisor.done;
