// A program of its own for shapes.test.ts: runs what the plugins wrote for each row, as Node runs it, and prints what came out.
// `node shapes-run.ts JOB` with a file in the format of Job.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { filterMessage } from "../../plugin/runtime/src/filter.ts";
import type { Mask } from "../../plugin/runtime/src/tree.ts";

/** What is to be done. */
export interface Job {
  readonly rows: readonly {
    /** The files that ts-proto and the plugin wrote. */
    readonly messages: string;
    readonly masks: string;
    /** Whether a decoded message has a property for every field. */
    readonly complete: boolean;
  }[];
  /** Encoded messages, as base64. */
  readonly samples: readonly string[];
  readonly masks: readonly (readonly string[])[];
}

/** What came out of a row: an error, or for each sample what ts-proto and the filters made of it. */
export type Outcome = readonly (string | readonly Results[])[];

/** Encoded messages, as base64. */
export interface Results {
  /** The sample, decoded and encoded again. */
  readonly whole: string;
  /** By each mask. */
  readonly filtered: readonly string[];
}

interface Codec {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
}

interface Generated {
  compileReadRequestReadMask(paths: readonly string[]): Mask;
  filterEverything(message: object, mask: Mask): object;
}

// What a bundler does with importSuffix="", and a stand-in for a package that ts-proto's code for useDate=string-nano uses.
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "nano-date") return next(new URL("nano-date.ts", import.meta.url).href, context);
    if (!/^\.\.?\//.test(specifier) || /\.[jt]s$/.test(specifier)) return next(specifier, context);
    return next(`${specifier}.js`, context);
  },
});

async function run(
  { messages, masks: masksFile, complete }: Job["rows"][number],
  { samples, masks }: Job,
): Promise<Results[]> {
  const { Everything } = (await import(pathToFileURL(messages).href)) as { Everything: Codec };
  const generated = (await import(pathToFileURL(masksFile).href)) as Generated;
  return samples.map((sample) => {
    // Not a Buffer: what ts-proto decodes are slices of it.
    const bytes = new Uint8Array(Buffer.from(sample, "base64"));
    const message = Everything.decode(bytes);
    const whole = toBase64(Everything.encode(message).finish());
    const filtered = masks.map((paths) => {
      const mask = generated.compileReadRequestReadMask(paths);
      const part = generated.filterEverything(message, mask);
      const encoded = Everything.encode(part).finish();
      const byTable = filterMessage(mask.schema, message, mask) as object;
      assert.deepStrictEqual(Everything.encode(byTable).finish(), encoded, `by the table: ${paths.join()}`);
      if (complete) {
        assert.deepStrictEqual(byTable, part, `by the table: ${paths.join()}`);
        assert.deepStrictEqual(part, Everything.decode(encoded), `as decoded: ${paths.join()}`);
      }
      return toBase64(encoded);
    });
    assert.deepStrictEqual(message, Everything.decode(bytes), "the message itself is unchanged");
    return { whole, filtered };
  });
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Job;
const outcome: Outcome = await Promise.all(
  job.rows.map((row) => run(row, job).catch((error: Error) => error.stack ?? error.message)),
);
process.stdout.write(JSON.stringify(outcome));
