import { createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { runDaemon } from "@evergrant/runtime";
import { openStore } from "@evergrant/store";
import { openEscrow } from "@evergrant/store/escrow";
import { readMetricsEnv } from "./env.ts";
import { startMetrics } from "./start-metrics.ts";

/** A database that vanished without a word is noticed as soon as a report can no longer be waited for. */
const STATEMENT_TIMEOUT_MS = 15_000;
const SILENCE_TIMEOUT_MS = 18_000;

/** The metrics process. Neither database nor queue has to be there: it tells when they are not. */
await runDaemon({
  name: "metrics",
  readEnv: readMetricsEnv,
  start: async ({ env, logger, lifecycle }) => {
    const store = openStore({
      databaseUrl: env.DATABASE_URL,
      poolSize: env.EVERGRANT_DATABASE_POOL,
      applicationName: "evergrant metrics",
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      silenceTimeoutMs: SILENCE_TIMEOUT_MS,
    });
    lifecycle.add("store", () => store.close());
    const backend = createQueueBackend({
      redisUrl: env.REDIS_URL,
      databaseUrl: env.DATABASE_URL,
      namespace: env.EVERGRANT_QUEUE_NAMESPACE,
      onError: (error) => logger.debug({ err: error }, "queue"),
    });
    lifecycle.add("queue backend", () => backend.close());
    const queues = new RefreshQueues(backend);
    lifecycle.add("queues", () => queues.close());

    const escrow = openEscrow({
      redisUrl: env.REDIS_URL,
      directory: env.EVERGRANT_ESCROW_DIR,
      namespace: env.EVERGRANT_QUEUE_NAMESPACE,
      onError: (error) => logger.debug({ err: error }, "escrow"),
    });
    lifecycle.add("escrow", () => escrow.close());

    const server = await startMetrics({ env, logger, store, queues, escrow, pingQueue: () => backend.ping() });
    lifecycle.add("server", () => server.close());
    logger.info({ url: server.url }, "status page and metrics");
  },
});
