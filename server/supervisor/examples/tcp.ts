// A worker that gives each line back that it gets.
import { createInterface } from "node:readline";

import { joinSupervisor, listen } from "@fieldpost/supervisor/worker";

const worker = await joinSupervisor();
const goodbyes = new Set<() => void>();
const serving = await listen(worker.listener("main"), (socket) => {
  const goodbye = (): unknown => socket.end("bye\n");
  goodbyes.add(goodbye);
  socket.on("error", () => {}).on("close", () => goodbyes.delete(goodbye));
  createInterface({ input: socket }).on("line", (line) => socket.write(`slot ${worker.slot}: ${line}\n`));
});
worker.onDrain((deadlineMs) => {
  // A client knows by it that what was not answered is to be sent again. What does not end by itself is cut at the deadline.
  for (const goodbye of goodbyes) goodbye();
  return serving.drain(deadlineMs);
});
worker.ready();
