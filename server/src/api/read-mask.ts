/** Read masks (AIP-157): which fields to return, and so which parts of a job to read. All of it is generated code's work. */
import { includes, toBadRequest, touches } from "@fieldpost/fieldmask";
import type { Mask, MaskResult } from "@fieldpost/fieldmask";
import {
  compileGetJobRequestReadMask,
  compileListJobsRequestReadMask,
  filterJob as filterByMask,
  parseGetJobRequestReadMask,
  parseListJobsRequestReadMask,
} from "../gen/fieldpost/v1/relay_fieldmask.ts";
import type { JobPath } from "../gen/fieldpost/v1/relay_fieldmask.ts";
import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { JobPart } from "../store/store.ts";
import type { Violations } from "./violations.ts";

/** A mask that was accepted, and what it takes to answer it. */
export interface ReadMask {
  readonly mask: Mask<JobPath>;
  readonly parts: ReadonlySet<JobPart>;
}

/** Each part of the store, and the fields that take it. A body takes what it is part of. Fields that stand nowhere here always come. */
const sources: { readonly [P in JobPart]: readonly JobPath[] } = {
  spec: [
    ...(["http", "max_attempts", "retry_policy", "ambiguity_policy", "attempt_timeout"] as const),
    ...(["labels", "trace_context"] as const),
  ],
  body: ["http.body"],
  attempts: ["attempts"],
  response: ["response"],
  "response-body": ["response.body"],
  "last-error": ["last_error"],
};

/** What ListJobs returns without a mask: everything but what may be large. */
const listFields: readonly JobPath[] = [
  "name",
  "uid",
  "etag",
  "queue",
  "state",
  "http.method",
  "http.url",
  "http.headers",
  "schedule_time",
  "expire_time",
  "priority",
  "dedup_key",
  "max_attempts",
  "retry_policy",
  "attempt_timeout",
  "ambiguity_policy",
  "source",
  "labels",
  "retention",
  "create_time",
  "update_time",
  "next_attempt_time",
  "finish_time",
  "attempt_count",
  "response.status",
  "response.truncated",
  "last_error",
  "blocked_by",
  "schedule",
  "trace_context",
  "run_count",
];

/** What an answer that is the whole job, but for its bodies, takes. */
export const answerParts: ReadonlySet<JobPart> = new Set(["spec", "attempts", "response", "last-error"]);

/** Names every bad path. The answer may be used only if nothing was added to `violations`. */
export function checkGetJobReadMask(paths: readonly string[] | undefined, violations: Violations): ReadMask {
  return accept(parseGetJobRequestReadMask(paths), violations);
}

/** As {@link checkGetJobReadMask}. */
export function checkListJobsReadMask(
  paths: readonly string[] | undefined,
  violations: Violations,
): ReadMask {
  if (paths === undefined || paths.length === 0) return withParts(compileListJobsRequestReadMask(listFields));
  return accept(parseListJobsRequestReadMask(paths), violations);
}

/** Only what the mask selects of a job; the job itself if that is all of it, as its bodies may be large. */
export function filterJob(job: Job, { mask }: ReadMask): Job {
  return includes(mask, "*") ? job : filterByMask(job, mask);
}

function accept(result: MaskResult<JobPath>, violations: Violations): ReadMask {
  if (result.ok) return withParts(result.mask);
  for (const { field, description } of toBadRequest(result.violations, "read_mask").fieldViolations) {
    violations.add(field, description);
  }
  return withParts(compileGetJobRequestReadMask(["name"]));
}

/** By mask: the runtime hands out the same object for the same paths. */
const known = new WeakMap<Mask<JobPath>, ReadMask>();

function withParts(mask: Mask<JobPath>): ReadMask {
  let found = known.get(mask);
  if (found === undefined) {
    const parts = (Object.keys(sources) as JobPart[]).filter((part) =>
      sources[part].some((path) => touches(mask, path)),
    );
    found = { mask, parts: new Set(parts) };
    known.set(mask, found);
  }
  return found;
}
