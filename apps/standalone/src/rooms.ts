import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that `package.json`, `.env` and the state folder are in. The same depth from src/ and dist/. */
export const projectRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** Entry files of the processes that standalone starts. */
export const entry = {
  scheduler: join(projectRoot, "apps/scheduler/dist/main.js"),
  worker: join(projectRoot, "apps/worker/dist/main.js"),
  metrics: join(projectRoot, "apps/metrics/dist/main.js"),
  admin: join(projectRoot, "apps/admin/dist/main.js"),
  simulator: join(projectRoot, "packages/testkit/bin/evergrant-simulator.mjs"),
  postgres: join(here(), "postgres-host.js"),
  followParent: join(here(), "follow-parent.js"),
} as const;

function here(): string {
  return dirname(fileURLToPath(import.meta.url));
}
