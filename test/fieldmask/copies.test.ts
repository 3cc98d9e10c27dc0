// Two copies of the package in one program, as npm installs them if two packages need different versions.

import * as here from "@fieldpost/fieldmask";
import { beforeAll, expect, test, vi } from "vitest";
import { maskOf } from "./library.ts";

let other: typeof here;
/** The same message, as a generated file that uses the other copy declares it. */
let otherSchema: here.MessageSchema;

beforeAll(async () => {
  vi.resetModules();
  other = await import("@fieldpost/fieldmask");
  otherSchema = (await import("./library.ts")).bookSchema;
  expect(other.ALL).not.toBe(here.ALL);
});

test.each([
  ["includes", (): unknown => other.includes(maskOf("name"), "name")],
  ["touches", (): unknown => other.touches(maskOf("translations.de.name"), "translations.fr")],
  ["maskPaths", (): unknown => other.maskPaths(maskOf("*"))],
  ["isEmpty", (): unknown => other.isEmpty(maskOf("nope"))],
  ["unionMasks", (): unknown => other.unionMasks(maskOf("name"), maskOf("*"))],
  ["intersectMasks", (): unknown => other.intersectMasks(maskOf("name"), maskOf("name"))],
  ["filterBytes", (): unknown => other.filterBytes(otherSchema, new Uint8Array(0), maskOf("name"))],
])("%s refuses a mask of the other copy, which it would misread", (_, work) => {
  expect(work).toThrow(TypeError);
  expect(work).toThrow("the mask was made by another copy of @fieldpost/fieldmask");
});
