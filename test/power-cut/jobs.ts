/** The jobs of the power cuts: everything about one follows from its id, so that what is found can be judged alone. */
import { createHash } from "node:crypto";
import type { DeepPartial } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { JobRecord } from "../../server/src/job/job.ts";

/**
 * `once` is delivered at once, `refused` FAILED at once, `later` waits for a day, `cancelled` is cancelled while it
 * waits. Those of one batch are delivered at once, and stored together.
 */
const fates = ["once", "refused", "later", "cancelled", "once", "batch"] as const;
export type Fate = (typeof fates)[number];

/** A job's id, or the common part of the ids of a batch. */
export function idOf(series: string, number: number): string {
  return `${series}-${number}-${fates[number % fates.length]}`;
}

export function fateOf(id: string): Fate {
  return id.split("-")[2] as Fate;
}

export function batchOf(id: string): string[] {
  return [1, 2, 3, 4].map((number) => `${id}-${number}`);
}

/** The ids that are stored with this one or not at all; undefined for a job that came alone. */
export function siblingsOf(id: string): string[] | undefined {
  return fateOf(id) === "batch" ? batchOf(id.slice(0, id.lastIndexOf("-"))) : undefined;
}

const dayMs = 24 * 3_600_000;
/** Nothing listens there that a job needs: what is kept of the target is its path. */
const pathOf = (id: string): string => `/${fateOf(id)}/${id}`;

export function jobOf(id: string, targetUrl: string): DeepPartial<Job> {
  const waits = fateOf(id) === "later" || fateOf(id) === "cancelled";
  return {
    target: {
      $case: "http",
      http: {
        method: "POST",
        url: `${targetUrl}${pathOf(id)}`,
        headers: [{ name: "x-id", value: id }],
        body: bodyOf(id),
      },
    },
    ...(waits ? { scheduleTime: new Date(Date.now() + dayMs) } : {}),
  };
}

/** Up to 4 KiB, and of each sixteenth job 32 KiB: rows within a page, and over several. */
function bodyOf(id: string): Buffer {
  const hash = createHash("sha256").update(id).digest();
  const length = hash[0]! % 16 === 0 ? 32 * 1024 : hash.readUInt16LE(1) % 4096;
  return Buffer.alloc(length, hash);
}

/** Whether this is the job, whole, that was sent. */
export function isWhole({ id, spec }: JobRecord): boolean {
  if (spec === undefined || !/^\w+-\d+-\w+(-\d)?$/.test(id)) return false;
  const { method, url, headers, body } = spec.request;
  return (
    method === "POST" &&
    new URL(url).pathname === pathOf(id) &&
    headers.some(({ name, value }) => name === "x-id" && value === id) &&
    bodyOf(id).equals(body)
  );
}
