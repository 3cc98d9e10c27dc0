// Preloaded (`--require`, synchronous) into a program that takes the place of another: keeps the signals that come while its own modules
// are loaded, which would end it, until `installSignals` asks for them.

/** Node's options as they were without this module. */
export const NODE_OPTIONS_VARIABLE = "FIELDPOST_INTERNAL_NODE_OPTIONS";

declare global {
  /** Ends the keeping; what has come, in its order. Once. */
  var fieldpostTakeEarlySignals: (() => NodeJS.Signals[]) | undefined;
}

const options = process.env[NODE_OPTIONS_VARIABLE];
if (options !== undefined) {
  // Not for what this process starts.
  delete process.env[NODE_OPTIONS_VARIABLE];
  if (options === "") delete process.env["NODE_OPTIONS"];
  else process.env["NODE_OPTIONS"] = options;

  const kept: NodeJS.Signals[] = [];
  const keep = (signal: NodeJS.Signals): void => void kept.push(signal);
  const signals: NodeJS.Signals[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"];
  for (const signal of signals) process.on(signal, keep);
  globalThis.fieldpostTakeEarlySignals = () => {
    for (const signal of signals) process.off(signal, keep);
    globalThis.fieldpostTakeEarlySignals = undefined;
    return kept;
  };
}
