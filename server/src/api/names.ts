/** Resource names (AIP-122) and ids (AIP-133). */
import { RelayError } from "../job/error.ts";
import type { Violations } from "./violations.ts";

const idPattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$/;

/** What an id must look like, for messages. */
export const idRule = "must match [a-zA-Z0-9][a-zA-Z0-9_-]{0,127}";

export const isId = (text: string): boolean => idPattern.test(text);

export const jobName = (id: string): string => `jobs/${id}`;
export const queueName = (id: string): string => `queues/${id}`;

/** The id in `jobs/{id}`. May be used only if nothing was added to `violations`. */
export function checkJobName(name: string, violations: Violations): string {
  const id = name.startsWith("jobs/") ? name.slice("jobs/".length) : "";
  if (!isId(id)) {
    violations.add(
      "name",
      name === "" ? "is required: jobs/{job_id}" : `${quote(name)} is not jobs/{job_id}, whose id ${idRule}`,
    );
  }
  return id;
}

export function jobNotFound(id: string): RelayError {
  return new RelayError("NOT_FOUND", `${jobName(id)} does not exist`, { reason: "JOB_NOT_FOUND" });
}

/** A caller's value inside a message: quoted, cut, and without control characters. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}
