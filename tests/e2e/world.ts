import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createTestDatabase,
  type MintedGrant,
  type RulesByKindPatch,
  type Simulator,
  SimulatorClient,
  startSimulator,
  toImportLine,
  withClient,
} from "@evergrant/testkit";
import { inject } from "vitest";
import { admin, type Env } from "./process.ts";

/** A database, a simulator and the environments to start processes with: all but the processes themselves. */
export interface World {
  readonly simulator: Simulator;
  readonly provider: SimulatorClient;
  readonly databaseUrl: string;
  /** What scheduler and metrics are given: no key. */
  readonly env: Env;
  /** What worker and admin are given. */
  readonly keyEnv: Env;
  /** Registers an app at the simulator and at Evergrant; `descriptor` overrides the built-in one. */
  addApp(app: {
    id: string;
    kind: "xero" | "quickbooks" | "strict";
    provider?: string;
    descriptor: object;
  }): Promise<void>;
  /** Mints grants and imports them by the operator's command; `line` replaces fields of each line. */
  connect(appId: string, count: number, idPrefix: string, line?: object): Promise<MintedGrant[]>;
  /** Makes a connection's last refresh so much older. */
  age(connectionId: string, ms: number): Promise<void>;
  /** Brings a database that is not the test's own up to date. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param options.redis whether the queues live in Redis (in a namespace that no other test uses) or in PostgreSQL
 */
export async function createWorld(options: {
  readonly redis: boolean;
  readonly rules: RulesByKindPatch;
  readonly env?: Env;
  /** Absent: a migrated database of its own. */
  readonly databaseUrl?: string;
}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "evergrant-e2e-"));
  const database =
    options.databaseUrl === undefined ? await createTestDatabase() : { url: options.databaseUrl, drop: async () => {} };
  const simulator = await startSimulator({ rules: options.rules });
  const provider = new SimulatorClient(simulator.url);
  const redisUrl = inject("redisUrl");
  if (options.redis && redisUrl === null) throw new Error("This test needs Redis.");
  const env: Env = {
    DATABASE_URL: database.url,
    EVERGRANT_SCHEDULER_PORT: "0",
    EVERGRANT_WORKER_PORT: "0",
    EVERGRANT_METRICS_PORT: "0",
    EVERGRANT_QUEUE_NAMESPACE: `e2e-${randomBytes(4).toString("hex")}`,
    EVERGRANT_LOG_PRETTY: "false",
    EVERGRANT_TICK_MS: "500",
    EVERGRANT_SWEEP_MS: "2000",
    EVERGRANT_LEASE_MS: "5000",
    ...(options.redis ? { REDIS_URL: redisUrl ?? "" } : {}),
    ...options.env,
  };
  const keyEnv = { ...env, EVERGRANT_KEY_RING: `k1:${randomBytes(32).toString("base64")}` };
  const run = async (args: readonly string[], input?: string) => {
    const answer = await admin(args, keyEnv, input);
    if (answer.code !== 0)
      throw new Error(`evergrant ${args.join(" ")} ended with ${answer.code}: ${answer.stderr}${answer.stdout}`);
  };
  return {
    simulator,
    provider,
    databaseUrl: database.url,
    env,
    keyEnv,
    async addApp({ id, kind, provider: providerName = kind, descriptor }) {
      const secret = randomBytes(16).toString("hex");
      await provider.register({ id, kind, secrets: [secret] });
      const file = join(folder, `${id}.json`);
      writeFileSync(file, JSON.stringify({ tokenUrl: simulator.tokenUrls[kind], ...descriptor }));
      await run(["app", "add", id, "--provider", providerName, "--client-id", id, "--descriptor", file], `${secret}\n`);
    },
    async connect(appId, count, idPrefix, line = {}) {
      const grants = await provider.mint({ clientId: appId, count, idPrefix });
      await run(["connection", "import", "-"], grants.map((grant) => toImportLine(appId, grant, line)).join("\n"));
      return grants;
    },
    age: (connectionId, ms) =>
      withClient(database.url, async (client) => {
        await client.query(
          "UPDATE connection SET last_refreshed_at = last_refreshed_at - $2 * interval '1 ms' WHERE id = $1",
          [connectionId, ms],
        );
      }),
    migrate: () => run(["migrate"]),
    async close() {
      await simulator.close();
      await database.drop();
      rmSync(folder, { recursive: true });
    },
  };
}
