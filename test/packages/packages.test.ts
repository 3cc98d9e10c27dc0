/**
 * What a user gets: `npm pack` of all packages, what is in the tarballs, and that they work where they are installed.
 * One file, because packing builds into the dist/ folders of the checkout.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import { describeContents } from "./contents.ts";
import { describeInstalledRelay } from "./installed-relay.ts";
import { describeLibraries } from "./libraries.ts";
import { packAll } from "./pack.ts";
import { registryAnswers } from "./system.ts";

const dir = mkdtempSync(join(tmpdir(), "fieldpost-packages-"));
afterAll(() => rm(dir, { recursive: true, force: true }), 120_000);

const packages = await packAll(dir);

// In CI nothing is left out: there an install that fails is a failure.
const skipped = process.env["CI"] !== "true" && !(await registryAnswers());
if (skipped) console.warn("skipped: packages, installed: the npm registry does not answer");

describeContents(packages);
describe.skipIf(skipped)("the relay, installed", () => {
  describeInstalledRelay(packages, dir);
});
describe.skipIf(skipped)("each package alone", () => {
  describeLibraries(packages, dir);
});
