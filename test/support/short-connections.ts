// Clients that go on connecting until they are told to stop, and count what came of it.
import net from "node:net";

/** What one run came to. */
export interface Load {
  /** Connections that got their greeting and ended well. */
  readonly served: number;
  /** The error codes, or what else was wrong, of those that did not, and how many each. */
  readonly failures: Readonly<Record<string, number>>;
  /** The processes that answered, as slot.generation. */
  readonly by: ReadonlySet<string>;
}

/** How long a connection may wait before it counts as hanging. */
const hangMs = 15_000;

/**
 * Opens short connections, so many at a time, each of which reads a worker's greeting to its end. `stop` lets what is open
 * come to its end.
 */
export function connectAgainAndAgain(
  target: net.TcpNetConnectOpts | net.IpcNetConnectOpts,
  concurrency: number,
): {
  readonly served: () => number;
  /** Resolves when so many were served. */
  readonly reached: (count: number) => Promise<void>;
  readonly stop: () => Promise<Load>;
} {
  let served = 0;
  let stopped = false;
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const failures: Record<string, number> = {};
  const by = new Set<string>();
  const client = async (): Promise<void> => {
    while (!stopped) {
      const outcome = await connectOnce(target);
      if ("place" in outcome) {
        served++;
        by.add(outcome.place);
        for (const { count, resolve } of waiting) if (served >= count) resolve();
      } else failures[outcome.failure] = (failures[outcome.failure] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: concurrency }, client);
  return {
    served: () => served,
    reached: (count) =>
      new Promise((resolve) => (served >= count ? resolve() : void waiting.push({ count, resolve }))),
    stop: async () => {
      stopped = true;
      await Promise.all(clients);
      return { served, failures, by };
    },
  };
}

function connectOnce(
  target: net.TcpNetConnectOpts | net.IpcNetConnectOpts,
): Promise<{ place: string } | { failure: string }> {
  return new Promise((resolve) => {
    const socket = net.connect(target);
    let text = "";
    const fail = (failure: string): void => {
      socket.destroy();
      resolve({ failure });
    };
    socket.setTimeout(hangMs, () => fail("hangs"));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once("end", () => {
      const [slot, generation] = text.trim().split(" ");
      if (!text.endsWith("\n") || generation === undefined) fail("closed without a greeting");
      else resolve({ place: `${slot}.${generation}` });
    });
  });
}
