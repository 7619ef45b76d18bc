import { defineConfig } from "vitest/config";

// Packages are tested from their sources, so a stale build can never pass for the code under test.
const conditions = ["source", "node"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    // Ends a run with the suites that did not run, and why.
    reporters: ["default", "./packages/testkit/src/vitest/unmet-suites-reporter.ts"],
    globalSetup: ["packages/testkit/src/vitest/services.ts"],
    projects: [
      {
        ...shared,
        test: {
          name: "rooms",
          sequence: { groupOrder: 0 },
          include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: "e2e",
          // After the others and one by one: these measure times, and want the machine for themselves.
          sequence: { groupOrder: 1 },
          include: ["tests/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
