import { urgency } from "@evergrant/core";
import { resolveDescriptor } from "@evergrant/providers";
import { createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { addApp, importConnections, openStore, type Store } from "@evergrant/store";
import { openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { launchRoom } from "@evergrant/testkit";
import type { Contender, Ground, Prepared, Stored } from "./contender.ts";

const importBatch = 1_000;
const provider = "xero";

/** The real worker: its own entry file, its usual settings, every safety on; only concurrency is set. */
export const evergrant: Contender = {
  name: "evergrant",
  async prepare(ground) {
    const { databaseUrl, redisUrl, clientId, keyRing } = ground;
    const store = openStore({ databaseUrl, applicationName: "evergrant-bench" });
    const vault = await openVault(store, parseKeyRing(keyRing));
    await storeGrants(store, vault, ground);
    const backend = createQueueBackend({ redisUrl, databaseUrl, onError: () => {} });
    const queues = new RefreshQueues(backend);
    await queues.offer(clientId, hintsOf(ground));

    return {
      startWorker: ({ concurrency, nodeArgs }) =>
        launchRoom(
          "worker",
          {
            DATABASE_URL: databaseUrl,
            REDIS_URL: redisUrl,
            EVERGRANT_KEY_RING: keyRing,
            EVERGRANT_WORKER_CONCURRENCY: `${concurrency}`,
            EVERGRANT_WORKER_PORT: "0",
            EVERGRANT_LOG_PRETTY: "false",
            NODE_ENV: "production",
          },
          { nodeArgs },
        ),
      async openJobs() {
        const { waiting, active } = await queues.depth(clientId);
        return waiting + active;
      },
      readStored: () => readStored(store, vault),
      async close() {
        await queues.close();
        await backend.close();
        await store.close();
      },
    } satisfies Prepared;
  },
};

async function storeGrants(store: Store, vault: TokenVault, ground: Ground): Promise<void> {
  const { clientId, clientSecret, tokenUrl, grants } = ground;
  const descriptor = { tokenUrl };
  await addApp(store, vault, {
    id: clientId,
    provider,
    environment: "sandbox",
    clientId,
    clientSecret,
    descriptor,
    maxConcurrent: null,
    maxPerSecond: null,
  });
  const descriptors = new Map([[clientId, resolveDescriptor(provider, descriptor)]]);
  for (let start = 0; start < grants.length; start += importBatch) {
    const lines = grants.slice(start, start + importBatch).map((grant) => ({
      id: grant.id,
      appId: clientId,
      refreshToken: grant.refreshToken,
      accessToken: grant.accessToken,
      accessTokenExpiresAt: Date.parse(grant.accessTokenExpiresAt),
      refreshTokenExpiresAt: null,
      customer: grant.customer,
      mode: "fresh" as const,
      tenants: [],
    }));
    const results = await importConnections(store, vault, descriptors, lines);
    const refused = results.find((line) => line.result !== "imported");
    if (refused !== undefined) throw new Error(`Grant ${refused.id} was not imported: ${JSON.stringify(refused)}`);
  }
}

/** As the scheduler would offer them. */
function hintsOf({ grants }: Ground) {
  const now = Date.now();
  return grants.map((grant) => {
    const accessTokenExpiresAt = Date.parse(grant.accessTokenExpiresAt);
    return {
      connectionId: grant.id,
      priority: urgency({ mode: "fresh", accessTokenExpiresAt, grantExpiresAt: null }, now),
    };
  });
}

async function readStored({ prisma }: Store, vault: TokenVault): Promise<Stored> {
  const rows = await prisma.tokenSet.findMany({
    select: { connectionId: true, generation: true, refreshToken: true, storedAt: true },
  });
  const refreshTokens = Object.fromEntries(
    rows.map(({ connectionId, generation, refreshToken }) => [
      connectionId,
      vault.openToken({ connectionId, field: "refreshToken", generation }, refreshToken),
    ]),
  );
  return { refreshTokens, lastStoredAt: rows.reduce((last, row) => Math.max(last, row.storedAt.getTime()), 0) };
}
