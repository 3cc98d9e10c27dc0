// redis-server, as a process of the bench: on a unix socket, with its data in a folder of the bench.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { endProcess } from "../child.ts";

/** When a write is on disk: before it is answered, or a second later. */
export type AppendFsync = "always" | "everysec";

export interface RedisServer {
  pid: number;
  /** Its unix socket. */
  path: string;
  end(): Promise<void>;
}

const readyWithinMs = 10_000;

/** Why it cannot be started; undefined if it can. */
export function lackingRedis(): string | undefined {
  const { error } = spawnSync("redis-server", ["--version"]);
  return error === undefined ? undefined : `redis-server cannot be started: ${error.message}`;
}

/** Snapshots are off: the append-only file has all of it, and their forks would only cost. All else is as Redis has it. */
export async function startRedis(folder: string, appendfsync: AppendFsync): Promise<RedisServer> {
  const path = join(folder, "redis.sock");
  const persistence = ["--appendonly", "yes", "--appendfsync", appendfsync, "--save", ""];
  const server = spawn(
    "redis-server",
    ["--port", "0", "--unixsocket", path, "--dir", folder, ...persistence],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const killServer = (): void => void server.kill("SIGKILL");
  process.once("exit", killServer);
  try {
    await ready();
  } catch (error) {
    killServer();
    process.off("exit", killServer);
    throw error;
  }
  return {
    pid: server.pid!,
    path,
    async end() {
      await endProcess(server);
      process.off("exit", killServer);
    },
  };

  function ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      let output = "";
      const fail = (why: string): void => reject(new Error(`redis-server did not start: ${why}\n${output}`));
      const timer = setTimeout(() => fail(`nothing within ${readyWithinMs / 1000} s`), readyWithinMs);
      server.once("error", ({ message }) => fail(message));
      server.once("exit", (code, signal) => fail(`it ended with ${code ?? signal}`));
      // Read to the end: a full pipe would hold it up.
      server.stdout.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-4000);
        if (!/ready to accept connections/i.test(output)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
