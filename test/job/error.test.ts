import { describe, expect, test } from "vitest";
import { invalidArgument, RelayError } from "../../server/src/job/error.ts";

describe("RelayError", () => {
  test("is an Error with a code, a reason and a message for the caller", () => {
    const error = new RelayError("UNAVAILABLE", "the store is closed", { reason: "STORE_CLOSED" });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "RelayError",
      code: "UNAVAILABLE",
      reason: "STORE_CLOSED",
      message: "the store is closed",
      violations: [],
      retryDelayMs: undefined,
    });
    expect(String(error)).toBe("RelayError: the store is closed");
  });

  test("carries how long the caller should wait", () => {
    const details = { reason: "QUEUE_FULL", retryDelayMs: 0 };
    expect(new RelayError("RESOURCE_EXHAUSTED", "the queue is full", details).retryDelayMs).toBe(0);
  });

  test("keeps its cause for the log, also one that is not an Error", () => {
    const cause = new Error("disk I/O error");
    expect(new RelayError("UNAVAILABLE", "no", { reason: "R", cause }).cause).toBe(cause);
    expect(new RelayError("UNAVAILABLE", "no", { reason: "R", cause: null }).cause).toBeNull();
  });

  test("has no cause where none was given", () => {
    expect("cause" in new RelayError("NOT_FOUND", "no", { reason: "R" })).toBe(false);
  });

  test("shows its cause neither in its message nor as JSON", () => {
    const cause = new Error("secret-of-the-driver");
    const error = new RelayError("UNAVAILABLE", "the store failed", { reason: "STORE_FAILED", cause });
    expect(error.message + JSON.stringify(error)).not.toContain("secret-of-the-driver");
  });
});

describe("invalidArgument", () => {
  const one = { field: "job.http.url", description: "must be absolute, got x" };
  const two = { field: "job.priority", description: "must be 0 to 9, got 10" };

  test.each([
    ["nothing", [], "invalid argument"],
    ["one field", [one], "job.http.url: must be absolute, got x"],
    ["two fields", [one, two], "job.http.url: must be absolute, got x (and 1 more)"],
    ["many fields", [two, one, one, one], "job.priority: must be 0 to 9, got 10 (and 3 more)"],
  ])("with %s names the first and counts the rest", (_what, violations, message) => {
    const error = invalidArgument(violations);
    expect(error).toBeInstanceOf(RelayError);
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_ARGUMENT",
      message,
      violations,
    });
  });
});
