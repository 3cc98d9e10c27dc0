/** `npm run chaos -- [options]`: kills relays again and again, and proves that nothing was lost, doubled or left. */
import { parseOptions, usage } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { isProven, runProof } from "./proof.ts";
import { formatProof, formatRound } from "./report.ts";

// With signals, too, everything that was started ends: the relays are killed when this process exits.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const chaos = readOptions();
if (chaos !== undefined) {
  const proof = await runProof(chaos, (round) => process.stdout.write(`${formatRound(round)}\n`));
  process.stdout.write(`${formatProof(proof, chaos)}\n`);
  process.exitCode = isProven(proof, chaos) ? 0 : 1;
} else process.exitCode = 2;

function readOptions(): ChaosOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    return undefined;
  }
}
