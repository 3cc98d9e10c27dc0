/** The etag of a job (AIP-154): its revision. */
import { RelayError } from "../job/error.ts";
import { jobName, quote } from "./names.ts";

export const toEtag = (revision: number): string => `"${revision.toString(36)}"`;

/** The revision that an etag of a request means: undefined if it is empty; one that no job has, if it is none of ours. */
export function revisionOf(etag: string): number | undefined {
  if (etag === "") return undefined;
  const [, digits] = /^"([0-9a-z]{1,11})"$/.exec(etag) ?? [];
  const revision = digits === undefined ? -1 : Number.parseInt(digits, 36);
  return toEtag(revision) === etag ? revision : -1;
}

export function etagMismatch(id: string, etag: string): RelayError {
  return new RelayError("ABORTED", `${jobName(id)} has another etag than ${quote(etag)}: read it again`, {
    reason: "ETAG_MISMATCH",
  });
}
