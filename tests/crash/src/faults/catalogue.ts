import type { FaultKind } from "./fault.ts";
import { killedWorkers } from "./kill-worker.ts";
import { mistakes } from "./mistakes.ts";
import { partitions } from "./partitions.ts";
import { postgresFaults } from "./postgres.ts";
import { providerFaults } from "./provider.ts";
import { redisFaults } from "./redis.ts";
import { restarts } from "./restarts.ts";
import { restoredTable } from "./restored-table.ts";
import { sleepingWorker } from "./sleeping-worker.ts";

/** Every kind of fault that there is. */
export const catalogue: readonly FaultKind[] = [
  ...killedWorkers,
  sleepingWorker,
  ...restarts,
  ...redisFaults,
  ...partitions,
  ...postgresFaults,
  ...providerFaults,
  ...mistakes,
  restoredTable,
];
