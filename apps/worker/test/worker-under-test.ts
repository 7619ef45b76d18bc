import { createTokenClient, resolveDescriptor } from "@evergrant/providers";
import type { RefreshSignal } from "@evergrant/queue";
import { createLogger } from "@evergrant/runtime";
import { addApp, importConnections, openStore, type Store } from "@evergrant/store";
import { openEscrow } from "@evergrant/store/escrow";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { createTestDatabase, SimulatorClient, startSimulator } from "@evergrant/testkit";
import { Registry } from "prom-client";
import { createRefreshParts } from "../src/create-refresh-parts.ts";
import { refreshConnection } from "../src/refresh-connection.ts";
import { watchTrouble } from "../src/watch-trouble.ts";

export const APP = "books";

/** A database, a provider that ends a grant whose spent token is presented, and workers over both. */
export interface Workplace {
  readonly store: Store;
  readonly vault: TokenVault;
  readonly provider: SimulatorClient;
  readonly databaseUrl: string;
  /** Connections that are due now, each with a grant of its own; their ids. */
  connect(count: number): Promise<readonly string[]>;
  startWorker(options?: WorkerOptions): WorkerUnderTest;
  /** Stops the workers that a test has started. */
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkerOptions {
  readonly leaseMs?: number;
  /** Its own way to the database, such as through a proxy. */
  readonly databaseUrl?: string;
  /** Where its escrow is; none without. */
  readonly escrowDir?: string;
}

/** A worker as it is wired in its process, but for queue and lifecycle. */
export interface WorkerUnderTest {
  /** What its queue would have it do. */
  refresh(connectionId: string): Promise<RefreshSignal>;
  /** What it told of dependencies in trouble. */
  readonly troubles: readonly unknown[];
  /** What it logged, line by line. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

/** @param descriptor added to the app's */
export async function openWorkplace(descriptor: object = {}): Promise<Workplace> {
  const simulator = await startSimulator();
  const provider = new SimulatorClient(simulator.url);
  const database = await createTestDatabase();
  const store = openStore({ databaseUrl: database.url, applicationName: "test" });
  const vault = await openVault(store, parseKeyRing(generateKey()));
  const stored = { tokenUrl: simulator.tokenUrls.strict, ...descriptor };
  const secret = "the-secret-of-this-app";
  await provider.register({ id: APP, kind: "strict", secrets: [secret] });
  await addApp(store, vault, {
    id: APP,
    provider: APP,
    environment: "production",
    clientId: APP,
    descriptor: stored,
    clientSecret: secret,
    maxConcurrent: null,
    maxPerSecond: null,
  });
  const stops: (() => Promise<void>)[] = [];
  const stopWorkers = async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  };
  return {
    store,
    vault,
    provider,
    databaseUrl: database.url,
    stopWorkers,
    async connect(count) {
      const grants = await provider.mint({ clientId: APP, count });
      const unknown = { accessToken: null, accessTokenExpiresAt: null, refreshTokenExpiresAt: null, customer: null };
      const lines = grants.map(({ id, refreshToken }) => ({
        ...{ id, appId: APP, refreshToken, mode: "fresh" as const, tenants: [] },
        ...unknown,
      }));
      await importConnections(store, vault, new Map([[APP, resolveDescriptor(APP, stored)]]), lines);
      return grants.map(({ id }) => id);
    },
    startWorker(options = {}) {
      const { worker, stop } = startWorker(vault, { databaseUrl: database.url, ...options });
      stops.push(stop);
      return worker;
    },
    async close() {
      await stopWorkers();
      await simulator.close();
      await store.close();
      await database.drop();
    },
  };
}

function startWorker(
  vault: TokenVault,
  { databaseUrl, leaseMs = 30_000, escrowDir }: WorkerOptions & { readonly databaseUrl: string },
): { readonly worker: WorkerUnderTest; readonly stop: () => Promise<void> } {
  const troubles: unknown[] = [];
  const lines: Record<string, unknown>[] = [];
  const store = openStore({ databaseUrl, applicationName: "test" });
  const client = createTokenClient();
  const logger = createLogger({
    app: "worker",
    level: "info",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const { parts, close } = createRefreshParts({
    env: { EVERGRANT_LEASE_MS: leaseMs },
    store,
    vault,
    escrow: openEscrow({ namespace: "test", directory: escrowDir, onError: () => {} }),
    client,
    logger,
    register: new Registry(),
    trouble: watchTrouble(() => performance.now()),
    onError: (error) => troubles.push(error),
    isStopping: () => false,
  });
  return {
    worker: { refresh: (connectionId) => refreshConnection(connectionId, parts), troubles, lines },
    async stop() {
      await close();
      await client.close();
      await store.close();
    },
  };
}
