// Requests that get more paths into their mask.

import { addPaths } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";

test("a copy has the paths as well, none of them twice; what was given stays as it is", () => {
  const request = Object.freeze({ name: "n", readMask: Object.freeze(["a", "b"]) });
  expect(addPaths(request, "readMask", ["b", "c"])).toEqual({ name: "n", readMask: ["a", "b", "c"] });
  expect(request.readMask).toEqual(["a", "b"]);
});

test("a property __proto__, as JSON.parse gives it, does not become the prototype of the copy", () => {
  const request = JSON.parse('{ "readMask": ["a"], "__proto__": { "isAdmin": true } }') as {
    readMask: string[];
    isAdmin?: boolean;
  };
  const copy = addPaths(request, "readMask", ["b"]);
  expect(copy.isAdmin).toBeUndefined();
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
});

test("an instance of a class stays one", () => {
  class Request {
    readMask: string[] = [];
  }
  expect(addPaths(new Request(), "readMask", ["a"])).toBeInstanceOf(Request);
});
