import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Canary,
  createTestDatabase,
  type Env,
  launchRoom,
  listening,
  makeCanary,
  type NodeProcess,
  type PlacesToSearch,
  type ProcessAnswer,
  type Room,
  runRoom,
  startRedisServer,
  startTcpProxy,
  type TcpProxy,
  withClient,
} from "@evergrant/testkit";
import { Redis } from "ioredis";
import { inject } from "vitest";

/** One in each place where a secret lives. Short: a long unbroken run is taken out of a message whatever it is. */
export const CANARIES = {
  refresh: makeCanary("refresh tokens", "cr-"),
  access: makeCanary("access tokens", "ca-"),
  clientSecret: makeCanary("client secrets", "cc-"),
  /** As its bytes: 32 of them. */
  keyRing: makeCanary("the key ring", "canary-k"),
  database: makeCanary("the password of the database", "cd-"),
  redis: makeCanary("the password of Redis", "cq-"),
  metrics: makeCanary("the metrics token", "cm-"),
} as const satisfies Record<string, Canary>;

/** The environment of each process may hold what it needs, and nothing else. */
export const MAY_HOLD: Readonly<Record<Exclude<Room, "admin">, readonly string[]>> = {
  scheduler: [CANARIES.database.name, CANARIES.redis.name, CANARIES.metrics.name],
  metrics: [CANARIES.database.name, CANARIES.redis.name, CANARIES.metrics.name],
  worker: [CANARIES.database.name, CANARIES.redis.name, CANARIES.metrics.name, CANARIES.keyRing.name],
};

/** A fleet whose every secret is a canary, with all that it says and writes. */
export interface CanaryFleet {
  readonly env: Env;
  readonly keyEnv: Env;
  readonly databaseProxy: TcpProxy;
  /** Writes a file for a command to read. */
  file(name: string, content: string): string;
  start(room: Exclude<Room, "admin">): Promise<NodeProcess & { readonly url: string }>;
  /** Runs a command, and keeps what it prints. */
  evergrant(args: readonly string[], input?: string, env?: Env): Promise<ProcessAnswer>;
  /** Runs a process that is expected to end by itself, and keeps what it prints. */
  fail(room: Room, env: Env): Promise<ProcessAnswer>;
  /** Settlements that wait in the escrow at this moment. */
  escrowed(): Promise<number>;
  /** Everywhere that a secret might have got to by now. */
  places(): PlacesToSearch;
  stop(): Promise<void>;
}

export async function createCanaryFleet(withRedis: boolean): Promise<CanaryFleet> {
  const folder = mkdtempSync(join(tmpdir(), "evergrant-canary-"));
  const escrowFolder = join(folder, "escrow");
  const database = await ownDatabase();
  const redis = withRedis ? await ownRedis() : null;
  const env: Env = {
    DATABASE_URL: database.proxiedUrl,
    EVERGRANT_LOG_LEVEL: "trace",
    EVERGRANT_LOG_PRETTY: "false",
    EVERGRANT_METRICS_TOKEN: CANARIES.metrics.secret,
    EVERGRANT_SCHEDULER_PORT: "0",
    EVERGRANT_WORKER_PORT: "0",
    EVERGRANT_METRICS_PORT: "0",
    EVERGRANT_QUEUE_NAMESPACE: "canary",
    EVERGRANT_TICK_MS: "250",
    EVERGRANT_SWEEP_MS: "1000",
    EVERGRANT_LEASE_MS: "5000",
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
  };
  const keyEnv: Env = {
    ...env,
    EVERGRANT_KEY_RING: `k1:${Buffer.from(CANARIES.keyRing.secret).toString("base64")}`,
    EVERGRANT_ESCROW_DIR: escrowFolder,
  };
  const running: { room: Exclude<Room, "admin">; name: string; url: string; process: NodeProcess }[] = [];
  const printed: Record<string, string> = {};
  const keep = (name: string, answer: ProcessAnswer) => {
    printed[`${Object.keys(printed).length}: ${name}`] = `${answer.stdout}\n${answer.stderr}`;
    return answer;
  };
  const logs = () => readdirSync(folder).filter((name) => name.endsWith(".log"));

  return {
    env,
    keyEnv,
    databaseProxy: database.proxy,
    file(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
    async start(room) {
      const name = `${room}-${running.length}`;
      const process = launchRoom(room, room === "worker" ? keyEnv : env, { logFile: join(folder, `${name}.log`) });
      const [, url = ""] = await process.awaitLine(listening);
      running.push({ room, name, url, process });
      return { ...process, url };
    },
    evergrant: async (args, input = "", commandEnv = keyEnv) =>
      keep(`evergrant ${args.slice(0, 2).join(" ")}`, await runRoom("admin", commandEnv, args, input)),
    fail: async (room, roomEnv) => keep(room, await runRoom(room, roomEnv)),
    escrowed: async () =>
      redis === null
        ? filesIn(escrowFolder).filter((path) => path.endsWith(".sealed")).length
        : redis.count("{canary}:escrow"),
    places: () => ({
      texts: {
        ...printed,
        ...Object.fromEntries(logs().map((name) => [name, readFileSync(join(folder, name), "utf8")])),
        ...Object.fromEntries(filesIn(escrowFolder).map((path) => [path, readFileSync(path, "latin1")])),
      },
      pages: running.filter(({ process }) => process.isRunning()).flatMap(({ room, url }) => pagesOf(room, url)),
      redisUrls: redis === null ? [] : [redis.url],
      databaseUrls: [database.directUrl],
      processes: running
        .filter(({ process }) => process.isRunning())
        .map(({ room, name, process }) => ({ name, pid: process.pid, mayHold: MAY_HOLD[room] })),
    }),
    async stop() {
      await database.proxy.restore();
      await Promise.all(running.map(({ process }) => process.stop()));
      await database.drop();
      await redis?.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** With the token and without, and where nothing is. */
function pagesOf(room: string, url: string): { url: string; headers?: Record<string, string> }[] {
  const headers = { authorization: `Bearer ${CANARIES.metrics.secret}` };
  const paths = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/nothing",
    ...(room === "metrics" ? ["/", "/fragment", "/status.json"] : []),
  ];
  return [...paths.map((path) => ({ url: url + path, headers })), { url: `${url}/metrics` }];
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return []; // It is made when it is first needed.
  }
}

/** A database of its own, reached as a role of its own with a canary for a password, through a proxy that can be cut. */
async function ownDatabase() {
  const database = await createTestDatabase();
  const role = new URL(database.url).pathname.slice(1);
  const server = new URL(database.url);
  await withClient(database.url, (client) =>
    client.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${CANARIES.database.secret}'`),
  );
  const proxy = await startTcpProxy({ host: server.hostname, port: Number(server.port) });
  const as = (port: string) => `postgresql://${role}:${CANARIES.database.secret}@127.0.0.1:${port}/${role}`;
  return {
    proxy,
    proxiedUrl: as(String(proxy.port)),
    directUrl: as(server.port),
    async drop() {
      await proxy.cut();
      await database.drop();
      await withClient(inject("postgresUrl"), (client) => client.query(`DROP ROLE ${role}`));
    },
  };
}

async function ownRedis() {
  const server = await startRedisServer();
  const client = new Redis(server.url);
  client.on("error", () => {});
  await client.config("SET", "requirepass", CANARIES.redis.secret);
  await client.auth(CANARIES.redis.secret);
  return {
    url: `redis://:${CANARIES.redis.secret}@127.0.0.1:${server.port}`,
    count: (key: string) => client.hlen(key),
    async stop() {
      client.disconnect();
      await server.stop();
    },
  };
}
