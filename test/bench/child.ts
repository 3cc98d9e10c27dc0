// A process of a bench, seen by the bench: forked, spoken to by messages, ended by its own pid.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** One request and its one answer; a child answers in order. */
export interface Child {
  readonly pid: number;
  ask<Answer>(message: object): Promise<Answer>;
  end(): Promise<void>;
}

/**
 * Starts `script` (a file URL) and waits for its first message, which is handed back as `ready`.
 * Throws when the child ends before it.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the two ends know what goes between them
export async function startChild<Ready>(
  script: URL,
  options: object,
  env: NodeJS.ProcessEnv = {},
): Promise<{ child: Child; ready: Ready }> {
  const forked = fork(script, [JSON.stringify(options)], {
    serialization: "advanced",
    execArgv: ["--conditions=@fieldpost/source"],
    env: { ...process.env, ...env },
  });
  const child = handleOf(forked, script);
  return { child, ready: await nextMessage<Ready>(forked, script) };
}

function handleOf(forked: ChildProcess, script: URL): Child {
  return {
    pid: forked.pid!,
    async ask<Answer>(message: object): Promise<Answer> {
      const answer = nextMessage<Answer>(forked, script);
      forked.send(message);
      return answer;
    },
    end: () => endProcess(forked),
  };
}

async function nextMessage<Answer>(forked: ChildProcess, script: URL): Promise<Answer> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      once(forked, "message", { signal: stop.signal }).then(([answer]) => answer as Answer),
      once(forked, "exit", { signal: stop.signal }).then(([code, signal]) => {
        throw new Error(`${script.pathname} ended with ${code ?? signal} before it answered`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

/** SIGTERM, and SIGKILL when it still lives `graceMs` later. */
export async function endProcess(forked: ChildProcess, graceMs = 5000): Promise<void> {
  if (forked.exitCode !== null || forked.signalCode !== null) return;
  const exited = once(forked, "exit");
  forked.kill("SIGTERM");
  const timer = setTimeout(() => forked.kill("SIGKILL"), graceMs);
  await exited;
  clearTimeout(timer);
}

/** In the child: the options that startChild was given. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the two ends know what goes between them
export function childOptions<Options>(): Options {
  // A bench that is killed takes its children with it.
  process.once("disconnect", () => process.exit(0));
  return JSON.parse(process.argv[2] ?? "{}") as Options;
}

/** In the child: answers each message with what `handle` makes of it. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the two ends know what goes between them
export function answerMessages<Message>(handle: (message: Message) => Promise<object> | object): void {
  process.on("message", (message: Message) => {
    void Promise.resolve(handle(message)).then((answer) => process.send!(answer));
  });
}
