// What the workers of every subject do: `tcp` greets each connection with its place and ends it, `http` answers each request.
import http from "node:http";
import net from "node:net";

export type Protocol = "tcp" | "http";

/** Work of one connection, in milliseconds of the CPU: with none, a worker would never be behind. */
const WORK_MS = 0.3;

export function createServer(protocol: Protocol, place: string): net.Server {
  if (protocol === "http") return http.createServer((_request, response) => response.end(place));
  return net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    const until = performance.now() + WORK_MS;
    while (performance.now() < until);
    socket.end(`${place}\n`);
  });
}
