import type { Invariant, TestName } from "../invariant.ts";

const roomsTest = (name: string): TestName => ({ file: "tests/rooms/law-of-rooms.test.ts", name });
const variablesTest = (name: string): TestName => ({ file: "packages/runtime/test/known-variables.test.ts", name });

export const privileges: Invariant = {
  number: 10,
  promise: "Scheduler and metrics cannot decrypt",
  why:
    "A scrape target and a clock are the processes that most people can reach. They are handed no key, read none from their " +
    "environment, and hold no code that could use one.",
  guards: [
    {
      does: "The key ring is in the environment of those only who decrypt",
      file: "packages/runtime/src/known-variables.ts",
      test: variablesTest("scheduler reads exactly the secrets it is entitled to"),
      mutants: [
        {
          name: "scheduler-reads-keys",
          find: 'const keyHolders = ["worker", "admin", "standalone"] as const;',
          replace: 'const keyHolders = ["worker", "admin", "standalone", "scheduler"] as const;',
          means: "the scheduler is handed the key ring",
        },
        {
          name: "metrics-reads-keys",
          find: 'const keyHolders = ["worker", "admin", "standalone"] as const;',
          replace: 'const keyHolders = ["worker", "admin", "standalone", "metrics"] as const;',
          test: {
            file: "apps/metrics/test/privileges.test.ts",
            name: "no variable that holds keys or client secrets is in the environment that this process reads",
          },
          means: "a scrape target is handed the key ring",
        },
      ],
    },
    {
      does: "A process sees those variables only that are meant for it",
      file: "packages/runtime/src/read-env.ts",
      test: {
        file: "packages/runtime/test/read-env.test.ts",
        name: "of the key ring are not seen by scheduler, even when they are there",
      },
      mutants: [
        {
          name: "everything-is-seen",
          find: "z.object(options.shape).safeParse(given)",
          replace: "z.looseObject(options.shape).safeParse(given)",
          means: "one `.env` for all hands the keys to all",
        },
      ],
    },
    {
      does: "The check refuses an import of the part of the store that decrypts",
      file: "biome.json",
      test: roomsTest("apps/scheduler/src/a.ts that imports @evergrant/store/secrets fails the check"),
      mutants: [
        {
          name: "imports-of-secrets-pass",
          find: '"group": ["@evergrant/store/secrets", "@evergrant/testkit", "@evergrant/testkit/**"],',
          replace: '"group": ["@evergrant/testkit", "@evergrant/testkit/**"],',
          means: "the first who needs a shortcut takes it",
        },
        {
          name: "metrics-is-not-checked",
          find: '"includes": ["apps/scheduler/src/**", "apps/metrics/src/**"],',
          replace: '"includes": ["apps/scheduler/src/**"],',
          test: roomsTest("apps/metrics/src/a.ts that imports @evergrant/store/secrets fails the check"),
          means: "the rule holds for one of the two",
        },
      ],
    },
    {
      does: "No source file of the scheduler imports it",
      file: "apps/scheduler/src/main.ts",
      test: {
        file: "apps/scheduler/test/privileges.test.ts",
        name: "no source file of this process imports the part of the store that can decrypt",
      },
      mutants: [
        {
          name: "scheduler-imports-keys",
          find: 'import { Counter } from "prom-client";\n',
          replace: 'import { parseKeyRing } from "@evergrant/store/secrets";\nimport { Counter } from "prom-client";\n',
          means: "the code to decrypt is loaded where no key should ever be",
        },
      ],
    },
    {
      does: "No source file of metrics imports it",
      file: "apps/metrics/src/main.ts",
      test: {
        file: "apps/metrics/test/privileges.test.ts",
        name: "no source file of this process imports the part of the store that can decrypt",
      },
      mutants: [
        {
          name: "metrics-imports-keys",
          find: 'import { readMetricsEnv } from "./env.ts";\n',
          replace: 'import "@evergrant/store/secrets";\nimport { readMetricsEnv } from "./env.ts";\n',
          means: "the code to decrypt is loaded where everybody may look",
        },
      ],
    },
    {
      does: "The store's main entry holds no code that could open a ciphertext",
      file: "packages/store/src/index.ts",
      test: {
        file: "packages/store/test/secrets/entry-points.test.ts",
        name: "whoever imports the store by index.ts holds no code that could open a ciphertext",
      },
      mutants: [
        {
          name: "main-entry-hands-out-the-vault",
          find: 'export { NotMigratedError, requireMigrated } from "./require-migrated.ts";\n',
          replace:
            'export { NotMigratedError, requireMigrated } from "./require-migrated.ts";\n' +
            'export { openVault } from "./secrets/index.ts";\n',
          means: "the rule about imports guards a door beside an open window",
        },
      ],
    },
    {
      does: "An app never depends on another app",
      file: "scripts/check-rooms.mjs",
      test: roomsTest('apps/worker with {"dependencies":{"@evergrant/scheduler":"*"}} fails the check'),
      mutants: [
        {
          name: "apps-depend-on-apps",
          find: "    if (!allowed.includes(target)) {\n",
          replace: "    if (!allowed.includes(target) && target !== 'scheduler') {\n",
          means: "the scheduler takes the worker's code, and with it the keys",
        },
      ],
    },
    {
      does: "Standalone hands no key to the scheduler and metrics that it starts",
      file: "apps/standalone/src/env.ts",
      test: {
        file: "apps/standalone/test/child-env.test.ts",
        name: "is started without the keys, wherever they stand",
      },
      mutants: [
        {
          name: "children-get-everything",
          find: ": app !== null && variable.apps.some((each) => each === app);",
          replace: ": app !== null;",
          means: "on one machine every process holds the key ring",
        },
      ],
    },
    {
      does: "In containers the key ring is mounted for the worker and the operator's command alone",
      file: "docker-compose.yml",
      test: { file: "tests/deploy/compose.test.ts", name: "scheduler is never handed the key ring" },
      mutants: [
        {
          name: "scheduler-container-holds-keys",
          find: "    command: [node, apps/scheduler/dist/main.js]\n",
          replace: "    command: [node, apps/scheduler/dist/main.js]\n    secrets: [key_ring]\n",
          means: "whoever enters the scheduler's container reads the keys",
        },
      ],
    },
  ],
};
