import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/** Those that take minutes come first: as the last one, such a file would run alone, with a CPU idle beside it. */
const long = /\/test\/(packages|conformance)\//;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array that this sorts
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => long.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  ssr: { resolve: { conditions: ["@fieldpost/source", "module", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    sequence: { sequencer: LongFirst },
    // What hangs is found soon enough; a machine that others load as well makes a test of seconds one of half a minute.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // Real processes and real fsyncs: more files at once than cores only makes them wait for each other.
    maxWorkers: 2,
  },
});
