/** The etag of a job (AIP-154): its revision. */
export const toEtag = (revision: number): string => `"${revision.toString(36)}"`;

/** The revision of an etag; one that no job has, if it is none of ours. */
export function fromEtag(etag: string): number {
  const [, digits] = /^"([0-9a-z]{1,11})"$/.exec(etag) ?? [];
  const revision = digits === undefined ? -1 : Number.parseInt(digits, 36);
  return toEtag(revision) === etag ? revision : -1;
}
