/** What happens when nobody reads our output any more (`fieldpost list --all | head`): a quiet end. */

let end: () => void = () => process.exit(0);

/** From now on a closed pipe ends the process without a word. */
export function quietPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
      end();
    });
  }
}

/** Calls `stop` instead, for a command that has something to bring to its end first. */
export function onClosedPipe(stop: () => void): void {
  end = stop;
}
