import { createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { createLogger } from "@evergrant/runtime";
import { openStore, type Store } from "@evergrant/store";
import { createTestDatabase } from "@evergrant/testkit";
import { startMetrics } from "../src/start-metrics.ts";

export interface MetricsUnderTest {
  readonly url: string;
  /** Straight to the database, whatever stands between it and the metrics process. */
  readonly store: Store;
  readonly queues: RefreshQueues;
  readonly databaseUrl: string;
  readonly logLines: readonly string[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** The samples of `/metrics`, by name and labels as they are written there. */
  samples(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

export interface MetricsUnderTestOptions {
  readonly host?: string;
  readonly token?: string;
  readonly waitMs?: number;
  /** What waits in the escrow. */
  readonly escrowEntries?: number;
  /** The way by which the metrics process reaches the database. */
  readonly databaseVia?: (databaseUrl: string) => Promise<string>;
}

/** The whole of the metrics process but for its environment, on a database and a queue of its own. */
export async function startMetricsUnderTest(options: MetricsUnderTestOptions = {}): Promise<MetricsUnderTest> {
  const { host = "127.0.0.1", token, waitMs, escrowEntries = 0, databaseVia = async (url: string) => url } = options;
  const database = await createTestDatabase();
  const databaseUrl = await databaseVia(database.url);
  const bounds = { statementTimeoutMs: 5_000, silenceTimeoutMs: 6_000, poolSize: 3 };
  const store = openStore({ databaseUrl: database.url, applicationName: "metrics test", ...bounds });
  const ownStore = openStore({ databaseUrl, applicationName: "metrics under test", ...bounds });
  const backend = createQueueBackend({ databaseUrl, onError: () => {} });
  await backend.prepare();
  const queues = new RefreshQueues(backend);
  const logLines: string[] = [];
  const server = await startMetrics({
    env: { EVERGRANT_HOST: host, EVERGRANT_METRICS_PORT: 0, EVERGRANT_METRICS_TOKEN: token },
    logger: createLogger({
      app: "metrics",
      level: "debug",
      destination: { write: (line) => void logLines.push(line) },
    }),
    store: ownStore,
    queues,
    escrow: { count: async () => escrowEntries },
    pingQueue: () => backend.ping(),
    ...(waitMs === undefined ? {} : { waitMs }),
  });
  const get = (path: string, headers: Record<string, string> = {}) => fetch(new URL(path, server.url), { headers });
  return {
    url: server.url,
    store,
    queues,
    databaseUrl,
    logLines,
    get,
    samples: async () => parseSamples(await (await get("/metrics")).text()),
    async close() {
      await server.close();
      await queues.close();
      await backend.close();
      await Promise.all([store.close(), ownStore.close()]);
      await database.drop();
    },
  };
}

function parseSamples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
