import { createQueueBackend, RefreshQueues, startTick } from "@evergrant/queue";
import { createProcessMetrics, type Daemon, runDaemon, startHealthServer, UserError } from "@evergrant/runtime";
import {
  compactTally,
  NotMigratedError,
  openStore,
  requireMigrated,
  untilDatabaseTakes,
  waitForDatabase,
} from "@evergrant/store";
import { Counter } from "prom-client";
import { createTickParts } from "./create-tick-parts.ts";
import { readSchedulerEnv, type SchedulerEnv } from "./env.ts";
import { tick } from "./tick.ts";

/** Minute rows of the tally are merged into hours after this: what the last day is read from stays exact. */
const TALLY_MINUTES_KEPT_MS = 25 * 3_600_000;
const COMPACT_EVERY_MS = 600_000;
/** A row that somebody holds must not hold up every app's tick. */
const LOCK_TIMEOUT_MS = 500;

/** Who is due? Ids to the queue. Holds no key. */
await runDaemon({
  name: "scheduler",
  readEnv: readSchedulerEnv,
  start: startScheduler,
  explain: (error) => (error instanceof NotMigratedError ? new UserError(error.message, { cause: error }) : undefined),
});

async function startScheduler({ env, logger, lifecycle }: Daemon<SchedulerEnv>): Promise<void> {
  const onError = (error: unknown) => logger.warn({ err: error }, "a dependency is in trouble");
  const store = openStore({
    databaseUrl: env.DATABASE_URL,
    poolSize: env.EVERGRANT_DATABASE_POOL,
    applicationName: "evergrant-scheduler",
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  });
  lifecycle.add("store", () => store.close());
  const onWaiting = (reason: string) => logger.warn(reason);
  await waitForDatabase(store, { onWaiting });
  await untilDatabaseTakes(() => requireMigrated({ databaseUrl: env.DATABASE_URL }), { onWaiting });

  const backend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl: env.DATABASE_URL,
    namespace: env.EVERGRANT_QUEUE_NAMESPACE,
    onError,
  });
  lifecycle.add("queue backend", () => backend.close());
  await untilDatabaseTakes(() => backend.prepare(), { onWaiting });
  const queues = new RefreshQueues(backend);
  lifecycle.add("queues", () => queues.close());

  const register = createProcessMetrics({ app: "scheduler" });
  const registers = [register];
  const ticks = new Counter({ name: "evergrant_ticks_total", help: "Ticks run by this process.", registers });
  const offers = new Counter({
    name: "evergrant_offers_total",
    help: "Due connections offered to the queues.",
    registers,
  });
  const health = await startHealthServer({
    host: env.EVERGRANT_HOST,
    port: env.EVERGRANT_SCHEDULER_PORT,
    portVariable: "EVERGRANT_SCHEDULER_PORT",
    token: env.EVERGRANT_METRICS_TOKEN,
    logger,
    register,
    ready: () => Promise.all([store.ping(), backend.ping()]),
  });
  lifecycle.add("health", () => health.close());

  const parts = createTickParts(store, queues, logger);
  const limits = { depth: env.EVERGRANT_QUEUE_DEPTH, sweepMs: env.EVERGRANT_SWEEP_MS };
  const ticker = startTick({
    backend,
    everyMs: env.EVERGRANT_TICK_MS,
    handle: async () => {
      const offered = await tick(parts, limits);
      ticks.inc();
      offers.inc(offered);
      if (offered > 0) logger.debug({ offered }, "tick");
    },
    onError,
  });
  lifecycle.add("tick", () => ticker.close());

  const compaction = setInterval(
    () => void compactTally(store, TALLY_MINUTES_KEPT_MS).catch(onError),
    COMPACT_EVERY_MS,
  );
  lifecycle.add("tally", () => clearInterval(compaction));
  logger.info({ url: health.url, queue: backend.kind }, "scheduler started");
}
