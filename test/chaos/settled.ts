/** Which states of a job are an end, by their names in the proto, without JOB_STATE_. */

const terminalStates: ReadonlySet<string> = new Set(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"]);

export function isTerminal(state: string): boolean {
  return terminalStates.has(state);
}

/** HELD waits for somebody to decide. */
export function isSettled(state: string): boolean {
  return terminalStates.has(state) || state === "HELD";
}
