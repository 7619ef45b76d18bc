import { createTokenClient } from "@evergrant/providers";
import { consumeRefreshes, createQueueBackend } from "@evergrant/queue";
import { createProcessMetrics, type Daemon, readKeyRingText, runDaemon, startHealthServer } from "@evergrant/runtime";
import { openStore, requireMigrated, type Store, untilDatabaseTakes, waitForDatabase } from "@evergrant/store";
import { openEscrow } from "@evergrant/store/escrow";
import { openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { createAppConsumers } from "./app-consumers.ts";
import { createRefreshParts } from "./create-refresh-parts.ts";
import { readWorkerEnv, type WorkerEnv } from "./env.ts";
import { explain } from "./explain.ts";
import { refreshConnection } from "./refresh-connection.ts";
import { type TroubleWatch, watchTrouble } from "./watch-trouble.ts";

/** How soon a new OAuth app is taken up. */
const APPS_EVERY_MS = 1_000;

/**
 * A bug in one corner does not cut off the answers that are under way: the longest one that a descriptor may allow
 * takes ten minutes (`answerTimeoutMs`), and then it has to be written.
 */
const FAULT_GRACE_MS = 660_000;

/** A row that somebody holds for longer keeps its own settle waiting, and not those that share a statement with it. */
const LOCK_TIMEOUT_MS = 500;

/** The only caller of token endpoints. */
await runDaemon({
  name: "worker",
  readEnv: readWorkerEnv,
  start: startWorker,
  faultGraceMs: FAULT_GRACE_MS,
  explain,
});

async function startWorker({ env, logger, lifecycle }: Daemon<WorkerEnv>): Promise<void> {
  const onError = (error: unknown) => logger.warn({ err: error }, "a dependency is in trouble");
  const trouble = watchTrouble(() => performance.now());
  const { store, vault } = await openTruth({ env, logger, lifecycle }, trouble);
  const backend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl: env.DATABASE_URL,
    namespace: env.EVERGRANT_QUEUE_NAMESPACE,
    onError,
  });
  lifecycle.add("queue backend", () => backend.close());
  await untilDatabaseTakes(() => backend.prepare(), { onWaiting: (reason) => logger.warn(reason) });
  // One request for each job under way.
  const client = createTokenClient({ connectionsPerApp: env.EVERGRANT_WORKER_CONCURRENCY });
  lifecycle.add("token client", () => client.close());

  const register = createProcessMetrics({ app: "worker" });
  const health = await startHealthServer({
    host: env.EVERGRANT_HOST,
    port: env.EVERGRANT_WORKER_PORT,
    portVariable: "EVERGRANT_WORKER_PORT",
    token: env.EVERGRANT_METRICS_TOKEN,
    logger,
    register,
    ready: () => Promise.all([store.ping(), backend.ping()]),
  });
  lifecycle.add("health", () => health.close());

  const escrow = openEscrow({
    redisUrl: env.REDIS_URL,
    directory: env.EVERGRANT_ESCROW_DIR,
    namespace: env.EVERGRANT_QUEUE_NAMESPACE,
    onError: () => {}, // What fails to be put there or read is reported then.
  });
  lifecycle.add("escrow", () => escrow.close());
  if (!escrow.hasPlace) {
    logger.warn(
      "there is no escrow: while the database is away, tokens live only in this process (EVERGRANT_ESCROW_DIR)",
    );
  }
  const isStopping = () => lifecycle.isStopping;
  const { parts, close } = createRefreshParts({
    env,
    store,
    vault,
    escrow,
    client,
    logger,
    register,
    trouble,
    onError,
    isStopping,
  });
  lifecycle.add("leases and escrow", close);
  const consumers = createAppConsumers({
    appIds: parts.appIds,
    consume: (appId) =>
      consumeRefreshes({
        backend,
        appId,
        concurrency: env.EVERGRANT_WORKER_CONCURRENCY,
        lockMs: env.EVERGRANT_LEASE_MS,
        handle: (connectionId) => refreshConnection(connectionId, parts),
        onError: (error) => logger.error({ err: error, oauthApp: appId }, "a refresh job failed"),
      }),
    onError,
    everyMs: APPS_EVERY_MS,
  });
  // Stopped first: no new jobs, then every refresh under way comes home and is settled.
  lifecycle.add("refreshes under way", () => consumers.close());
  await consumers.start();
  logger.info({ url: health.url, queue: backend.kind }, "worker started");
}

async function openTruth(
  { env, logger, lifecycle }: Daemon<WorkerEnv>,
  trouble: TroubleWatch,
): Promise<{ readonly store: Store; readonly vault: TokenVault }> {
  // Read before anything is touched: a worker without a usable key must not claim a single connection.
  const keyRing = parseKeyRing(await readKeyRingText(env));
  const store = openStore({
    databaseUrl: env.DATABASE_URL,
    poolSize: env.EVERGRANT_DATABASE_POOL,
    applicationName: "evergrant-worker",
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    onBroken: trouble.note,
  });
  lifecycle.add("store", () => store.close());
  let hasWaited = false;
  const onWaiting = (reason: string) => {
    hasWaited = true;
    logger.warn(reason);
  };
  await waitForDatabase(store, { onWaiting });
  await untilDatabaseTakes(() => requireMigrated({ databaseUrl: env.DATABASE_URL }), { onWaiting });
  const vault = await untilDatabaseTakes(() => openVault(store, keyRing), { onWaiting });
  // Those who waited longer than this one may have answers in hand, and need the time to come back with them.
  if (hasWaited) trouble.note();
  return { store, vault };
}
