/**
 * Makes the configuration out of its sources: flags beat environment beats (later) file beats default. Every wrong
 * value is found in one go, and each is refused with the option, where it came from, the value and what is allowed.
 */
import { formatAddress, isLocal } from "./address.ts";
import { closest } from "./closest.ts";
import {
  allOptions,
  clientOptions,
  environmentOf,
  flagOf,
  internalEnvironmentNames,
  internalEnvironmentPrefix,
  laterOptions,
  serveOptions,
  type OptionTable,
  type ValuesOf,
} from "./options.ts";
import type { ClientConfig, ServeConfig } from "./serve-config.ts";

/** Wrong configuration; `problems` has one sentence for each thing that is wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** The flags that were given, by option name without the dashes. A flag without a value is `true`. */
export type Flags = { readonly [name: string]: string | true | undefined };
export type Environment = { readonly [name: string]: string | undefined };

/** One place that values come from. The file will be a third one. */
interface Source {
  /** For error messages: `flag --workers`. */
  whereIs(option: { readonly name: string }): string;
  valueOf(option: { readonly name: string }): string | undefined;
}

/** @throws ConfigError with everything that is wrong */
export function loadServeConfig(flags: Flags, environment: Environment): ServeConfig {
  const problems: string[] = [];
  const sources = sourcesOf(flags, environment);
  checkNames(sources, environment, problems);
  const values = readValues(serveOptions, sources, problems);
  if (values !== undefined) checkServeValues(values, problems);
  if (values === undefined || problems.length > 0) throw new ConfigError(problems);
  const { retryInitialBackoffMs, retryMaxBackoffMs, retryMultiplier, retryJitter, ...rest } = values;
  const retryPolicy = Object.freeze({
    initialBackoffMs: retryInitialBackoffMs,
    maxBackoffMs: retryMaxBackoffMs,
    multiplier: retryMultiplier,
    jitter: retryJitter,
  });
  return Object.freeze({ ...rest, retryPolicy });
}

/** @throws ConfigError with everything that is wrong */
export function loadClientConfig(flags: Flags, environment: Environment): ClientConfig {
  const problems: string[] = [];
  const sources = sourcesOf(flags, environment);
  checkNames(sources, environment, problems);
  const values = readValues(clientOptions, sources, problems);
  if (values?.grpc.kind === "tcp" && values.grpc.port === 0) {
    problems.push(`--grpc: ${formatAddress(values.grpc)}: port 0 cannot be called`);
  }
  if (values === undefined || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values);
}

function sourcesOf(flags: Flags, environment: Environment): readonly Source[] {
  return [
    {
      whereIs: (option) => `flag ${flagOf(option)}`,
      valueOf: (option) => (flags[option.name] === true ? "true" : flags[option.name]?.toString()),
    },
    {
      whereIs: (option) => `environment ${environmentOf(option)}`,
      valueOf: (option) => environment[environmentOf(option)],
    },
  ];
}

function readValues<Table extends OptionTable>(
  table: Table,
  sources: readonly Source[],
  problems: string[],
): ValuesOf<Table> | undefined {
  const before = problems.length;
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(table)) {
    const source = sources.find((candidate) => candidate.valueOf(option) !== undefined);
    const text = source?.valueOf(option) ?? option.default;
    const value = text === undefined ? undefined : option.type.parse(text);
    if (text !== undefined && value === undefined) {
      const where = source?.whereIs(option) ?? `default of ${flagOf(option)}`;
      problems.push(`${where}: ${JSON.stringify(text)} is not ${option.type.allowed}`);
    }
    values[key] = value;
  }
  // Each key of the table has its value now, of the type that its parser returns.
  return problems.length === before ? (values as ValuesOf<Table>) : undefined;
}

/** Names: those that a later release offers, and environment names that nobody knows. */
function checkNames(sources: readonly Source[], environment: Environment, problems: string[]): void {
  for (const later of laterOptions) {
    for (const source of sources) {
      if (source.valueOf(later) === undefined) continue;
      problems.push(`${source.whereIs(later)}: not offered in this release`);
    }
  }
  const known = allOptions.map(environmentOf);
  const taken = new Set([...known, ...laterOptions.map(environmentOf), ...internalEnvironmentNames]);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("FIELDPOST_") || name.startsWith(internalEnvironmentPrefix)) continue;
    if (environment[name] === undefined || taken.has(name)) continue;
    const meant = closest(name, known);
    problems.push(
      `environment ${name}: there is no such option${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
  }
}

/** What only several options together show. */
function checkServeValues(values: ValuesOf<typeof serveOptions>, problems: string[]): void {
  for (const key of ["grpc", "http"] as const) {
    const address = values[key];
    if (values.insecure || isLocal(address)) continue;
    problems.push(
      `--${key} ${formatAddress(address)} can be reached from other machines, and this release cannot yet ask callers ` +
        `who they are (--token-file, --client-ca): listen on 127.0.0.1, [::1] or unix:/path, or add --insecure ` +
        `(FIELDPOST_INSECURE=true) to serve everybody who can connect`,
    );
  }
  const [grpc, http] = [formatAddress(values.grpc), formatAddress(values.http)];
  if (grpc === http && !grpc.endsWith(":0")) problems.push(`--grpc and --http are both ${grpc}`);
  if (values.maxMessageBytes < values.maxBodyBytes) {
    problems.push(
      `--max-message ${values.maxMessageBytes} bytes must be at least --max-body ${values.maxBodyBytes} bytes`,
    );
  }
  if (values.retryMaxBackoffMs < values.retryInitialBackoffMs) {
    problems.push(
      `--retry-max-backoff ${values.retryMaxBackoffMs} ms must be at least ` +
        `--retry-initial-backoff ${values.retryInitialBackoffMs} ms`,
    );
  }
}
