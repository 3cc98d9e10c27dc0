// A supervisor: `node supervised.js CONTROL PROTOCOL WORKERS PORT [crash-loop]`. Says the port when it is ready.
import { startSupervisor } from "@fieldpost/supervisor";

const [controlPath = "", protocol = "tcp", workers = "2", port = "0", ...rest] = process.argv.slice(2);
const supervisor = await startSupervisor({
  listeners: [{ name: "main", address: `127.0.0.1:${port}` }],
  workerModule: new URL("supervised-worker.js", import.meta.url),
  args: [protocol, ...rest],
  workers: Number(workers),
  // Whoever measures replacements has no bad version to fear.
  canaryMs: 0,
  controlPath,
  logger: { info() {}, warn() {}, error() {} },
});
process.stdout.write(`${supervisor.listeners[0]?.address.split(":")[1]}\n`);
// With the bench it ends as well.
process.stdin.resume().once("end", () => process.kill(process.pid, "SIGKILL"));
process.exitCode = await supervisor.done;
