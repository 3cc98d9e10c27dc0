/** What a filter means, said as plainly as can be: stores must find the same jobs. */
import type { FilterField, JobFilter } from "../../server/src/job/filter.ts";
import type { JobRecord } from "../../server/src/job/job.ts";

/** @param record with its spec */
export function matches(filter: JobFilter, record: JobRecord): boolean {
  switch (filter.kind) {
    case "and":
      return filter.filters.every((one) => matches(one, record));
    case "or":
      return filter.filters.some((one) => matches(one, record));
    case "not":
      return !matches(filter.filter, record);
    case "set":
      return valueOf(filter.field, record) !== undefined;
    case "state":
      return record.state === filter.state;
    case "number": {
      const value = valueOf(filter.field, record);
      return typeof value === "number" && compare[filter.operator](value, filter.value);
    }
    case "text": {
      const value = valueOf(filter.field, record);
      return typeof value === "string" && find[filter.match](value, filter.value);
    }
    default:
      return filter satisfies never;
  }
}

const compare = {
  "=": (value: number, wanted: number) => value === wanted,
  "<": (value: number, wanted: number) => value < wanted,
  "<=": (value: number, wanted: number) => value <= wanted,
  ">": (value: number, wanted: number) => value > wanted,
  ">=": (value: number, wanted: number) => value >= wanted,
};

const find = {
  whole: (value: string, wanted: string) => value === wanted,
  prefix: (value: string, wanted: string) => value.startsWith(wanted),
  suffix: (value: string, wanted: string) => value.endsWith(wanted),
  part: (value: string, wanted: string) => value.includes(wanted),
};

function valueOf(field: FilterField, record: JobRecord): string | number | undefined {
  const { spec } = record;
  if (spec === undefined) throw new Error("the record has no spec");
  if (typeof field !== "string") return spec.labels.get(field.label);
  if (field === "labels") return spec.labels.size === 0 ? undefined : spec.labels.size;
  if (field === "method" || field === "url") return spec.request[field];
  return record[field];
}
