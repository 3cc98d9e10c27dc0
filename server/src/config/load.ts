/**
 * Makes the configuration out of its sources: flags beat environment beats file beats default. Everything that is wrong
 * is found in one go, and each is refused with the option, where it came from, the value and what is allowed.
 */
import { resolve } from "node:path";
import { formatAddress, isLocal } from "./address.ts";
import { closest } from "./closest.ts";
import {
  allOptions,
  clientOptions,
  environmentOf,
  fileKeyOf,
  flagOf,
  internalEnvironmentNames,
  internalEnvironmentPrefix,
  laterOptions,
  serveOptions,
  sourceOptions,
  type Option,
  type OptionTable,
  type ValuesOf,
} from "./options.ts";
import type { ConfigFile } from "./parse-file.ts";
import { toServeConfig, type ClientConfig, type ServeConfig, type ServeValues } from "./serve-config.ts";

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

/** One place that values come from. */
interface Source {
  /** For error messages: `flag --workers`. */
  whereIs(option: Named): string;
  /** The value with where it is from, in the middle of a sentence: `--max-body 2MiB`. */
  say(option: Named, value: string): string;
  valueOf(option: Named): string | undefined;
  /** True if a value is refused that is wrong, also where a source before this one has another. */
  readonly isWhole: boolean;
}

type Named = { readonly name: string };

/** Where each value was found, by the option's name; undefined for a default. */
type Origins = ReadonlyMap<string, Source | undefined>;

/** The path that the flag --config or FIELDPOST_CONFIG gives; undefined where none does. */
export function configPathOf(flags: Flags, environment: Environment): string | undefined {
  const { configFile } = sourceOptions;
  const [source] = sourcesOf(flags, environment).filter((one) => one.valueOf(configFile) !== undefined);
  return configFile.type.parse(source?.valueOf(configFile) ?? "");
}

/**
 * @param file what stands in the file, where there is one
 * @throws ConfigError with everything that is wrong
 */
export function loadServeConfig(flags: Flags, environment: Environment, file?: ConfigFile): ServeConfig {
  const problems: string[] = [...(file?.problems ?? [])];
  const told = sourcesOf(flags, environment);
  const sources = file === undefined ? told : [...told, fileSource(file)];
  checkNames(told, environment, problems);
  readValues(sourceOptions, told, problems);
  const read = readValues(serveOptions, sources, problems);
  // A setting that the file has in a wrong form would be missing here, and its default might not fit to the others.
  const isComplete = file === undefined || file.problems.length === 0;
  if (read !== undefined && isComplete) checkServeValues(read.values, read.origins, problems);
  if (read === undefined || problems.length > 0) throw new ConfigError(problems);
  return toServeConfig(read.values);
}

/** @throws ConfigError with everything that is wrong */
export function loadClientConfig(flags: Flags, environment: Environment): ClientConfig {
  const problems: string[] = [];
  const sources = sourcesOf(flags, environment);
  checkNames(sources, environment, problems);
  const values = readValues(clientOptions, sources, problems)?.values;
  if (values?.grpc.kind === "tcp" && values.grpc.port === 0) {
    problems.push(`--grpc: ${formatAddress(values.grpc)}: port 0 cannot be called`);
  }
  if (values === undefined || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values);
}

/** What of the file has no effect, since something stronger says otherwise: `max_body (flag --max-body)`. */
export function overriddenSettings(flags: Flags, environment: Environment, file: ConfigFile): string[] {
  const sources = sourcesOf(flags, environment);
  return [...file.settings.keys()].flatMap((name) => {
    const stronger = sources.find((source) => source.valueOf({ name }) !== undefined);
    return stronger === undefined ? [] : [`${fileKeyOf({ name })} (${stronger.whereIs({ name })})`];
  });
}

function sourcesOf(flags: Flags, environment: Environment): readonly Source[] {
  return [
    {
      whereIs: (option) => `flag ${flagOf(option)}`,
      say: (option, value) => `${flagOf(option)} ${value}`,
      valueOf: (option) => (flags[option.name] === true ? "true" : flags[option.name]?.toString()),
      isWhole: false,
    },
    {
      whereIs: (option) => `environment ${environmentOf(option)}`,
      say: (option, value) => `${environmentOf(option)}=${value}`,
      valueOf: (option) => environment[environmentOf(option)],
      isWhole: false,
    },
  ];
}

function fileSource({ settings }: ConfigFile): Source {
  return {
    whereIs: (option) => `${settings.get(option.name)?.place}: ${fileKeyOf(option)}`,
    say: (option, value) => `${fileKeyOf(option)}: ${value} (${settings.get(option.name)?.place})`,
    valueOf: (option) => settings.get(option.name)?.text,
    isWhole: true,
  };
}

function readValues<Table extends OptionTable>(
  table: Table,
  sources: readonly Source[],
  problems: string[],
): { readonly values: ValuesOf<Table>; readonly origins: Origins } | undefined {
  const before = problems.length;
  const values: Record<string, unknown> = {};
  const origins = new Map<string, Source | undefined>();
  for (const [key, option] of Object.entries(table)) {
    const read = (text: string, where: string): unknown => {
      const value = option.type.parse(text);
      if (value === undefined) problems.push(`${where}: ${quoted(text)} is not ${option.type.allowed}`);
      return value;
    };
    let origin: Source | undefined;
    for (const source of sources) {
      const text = source.valueOf(option);
      if (text === undefined || (origin !== undefined && !source.isWhole)) continue;
      const value = read(text, source.whereIs(option));
      if (origin === undefined) [values[key], origin] = [value, source];
    }
    if (origin === undefined) {
      const fallback = option.default;
      values[key] = fallback === undefined ? undefined : read(fallback, `default of ${flagOf(option)}`);
    }
    origins.set(option.name, origin);
  }
  // Each key of the table has its value now, of the type that its parser returns.
  return problems.length === before ? { values: values as ValuesOf<Table>, origins } : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
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

/**
 * What only several options together show. No rule joins one that is live with one that needs a restart: what would be
 * in force after a change is then as valid as the file.
 */
function checkServeValues(values: ServeValues, origins: Origins, problems: string[]): void {
  const say = (key: keyof ServeValues): string => {
    const option: Option<unknown> = serveOptions[key];
    const value = option.type.format(values[key]);
    const origin = origins.get(option.name);
    return origin === undefined ? `${flagOf(option)} ${value} (default)` : origin.say(option, value);
  };
  for (const key of ["grpc", "http"] as const) {
    if (values.insecure || isLocal(values[key])) continue;
    problems.push(
      `${say(key)} can be reached from other machines, and this release cannot yet ask callers ` +
        `who they are (--token-file, --client-ca): listen on 127.0.0.1, [::1] or unix:/path, or add --insecure ` +
        `(FIELDPOST_INSECURE=true) to serve everybody who can connect`,
    );
  }
  const [grpc, http] = [formatAddress(values.grpc), formatAddress(values.http)];
  if (grpc === http && !grpc.endsWith(":0")) problems.push(`${say("grpc")} and ${say("http")} are the same`);
  // A log in the place of a store would be its end.
  const files = (["store", "control", "pidFile", "logFile"] as const).filter(
    (key) => values[key] !== undefined,
  );
  for (const [index, key] of files.entries()) {
    const same = files.slice(index + 1).filter((other) => resolve(values[other]!) === resolve(values[key]!));
    for (const other of same) problems.push(`${say(key)} and ${say(other)} are the same file`);
  }
  if (values.daemon && values.logFile === undefined) {
    problems.push(`${say("daemon")} needs --log-file: nobody reads the output of a relay in the background`);
  }
  if (values.maxMessageBytes < values.maxBodyBytes) {
    problems.push(`${say("maxMessageBytes")} must be at least ${say("maxBodyBytes")}`);
  }
  if (values.retryMaxBackoffMs < values.retryInitialBackoffMs) {
    problems.push(`${say("retryMaxBackoffMs")} must be at least ${say("retryInitialBackoffMs")}`);
  }
}
