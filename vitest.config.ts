import { defineConfig } from "vitest/config";

export default defineConfig({
  ssr: { resolve: { conditions: ["@fieldpost/source", "module", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    // What hangs is found soon enough; a machine that others load as well makes a test of seconds one of half a minute.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // Real processes and real fsyncs: more files at once than cores only makes them wait for each other.
    maxWorkers: 2,
  },
});
