import { expect, it } from "vitest";
import { closest } from "../../server/src/config/closest.ts";
import { allOptions, environmentOf } from "../../server/src/config/options.ts";

const names = allOptions.map(environmentOf);

it.each([
  ["FIELDPOST_STOER", "FIELDPOST_STORE"],
  ["FIELDPOST_WORKRES", "FIELDPOST_WORKERS"],
  ["FIELDPOST_RETRY_INITAL_BACKOF", "FIELDPOST_RETRY_INITIAL_BACKOFF"],
  ["FIELDPOS_STORE", "FIELDPOST_STORE"],
])("%s may have meant %s", (word, meant) => expect(closest(word, names)).toBe(meant));

it.each(["FIELDPOST_TYPO", "FIELDPOST_SOMETHING", "FIELDPOST_", "FIELDPOST_X"])(
  "%s is near to nothing",
  (word) => expect(closest(word, names)).toBeUndefined(),
);

it("takes a single candidate and none", () => {
  expect(closest("stat", ["state"])).toBe("state");
  expect(closest("state", [])).toBeUndefined();
});
