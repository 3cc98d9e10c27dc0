/** What `npm run chaos -- [--option value]…` understands. */
import { parseArgs } from "node:util";
import { killKinds, stopKinds } from "./journal.ts";
import type { KillKind } from "./journal.ts";
import { usualLoad } from "./load.ts";
import type { LoadProfile } from "./load.ts";

export interface ChaosOptions {
  readonly rounds: number;
  /** The kinds take turns. */
  readonly kill: readonly KillKind[];
  /** The kill comes at one of these acknowledgements, by chance. */
  readonly killAt: readonly [first: number, last: number];
  /** Relays that are killed side by side. Most of a round is waiting for the leases of the dead to end. */
  readonly lanes: number;
  /** Of each relay. */
  readonly workers: number;
  /** Seconds for the jobs of a round to end, from the moment at which the relay serves again. */
  readonly boundSeconds: number;
  readonly stormSeconds: number;
  readonly seed: string;
  readonly load: LoadProfile;
  /** Added to the environment of the relays. */
  readonly env: NodeJS.ProcessEnv;
}

export const usualKillAt = [1, 200] as const;

export const usage = `usage: npm run chaos -- [options]
  --rounds N   kills                                                        (default 20)
  --kill KIND  group, worker, workers (all of them), supervisor, or mix: each in its turn; stop: SIGSTOP of a worker;
               pause: of a worker and the supervisor past a lease, then SIGCONT; storm: a kill every half second
                                                                            (default group)
  --storm S    seconds that a storm lasts                                   (default 60)
  --lanes N    relays that are killed side by side                          (default 6, at most --rounds)
  --workers N  workers of each relay                                        (default 2)
  --bound S    seconds for the jobs of a round to end                       (default 60)
  --seed TEXT  repeats the choices of another run, though not its timing    (default: a new one)`;

/** Throws an Error with a message for the user. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "20" },
      kill: { type: "string", default: "group" },
      lanes: { type: "string", default: "6" },
      workers: { type: "string", default: "2" },
      bound: { type: "string", default: "60" },
      storm: { type: "string", default: "60" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    },
  });
  const rounds = parseCount("rounds", values.rounds);
  return {
    rounds,
    kill: parseKill(values.kill),
    killAt: usualKillAt,
    lanes: Math.min(rounds, parseCount("lanes", values.lanes)),
    workers: parseCount("workers", values.workers),
    boundSeconds: parseCount("bound", values.bound),
    stormSeconds: parseCount("storm", values.storm),
    seed: values.seed,
    load: usualLoad,
    env: {},
  };
}

function parseKill(text: string): readonly KillKind[] {
  if (text === "mix") return killKinds;
  const kinds = [...killKinds, ...stopKinds, "storm"] as const;
  const kind = kinds.find((kind) => kind === text);
  if (kind === undefined) throw new Error(`--kill ${text} is none of ${kinds.join(", ")}, mix`);
  return [kind];
}

function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`--${name} ${text} is not a positive whole number`);
  return Number(text);
}
