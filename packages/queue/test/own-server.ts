import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres, startRedisServer, withClient } from "@evergrant/testkit";
import { Redis } from "ioredis";
import type { BackendKind } from "./backend-under-test.ts";

/** A server of one test's own, not started yet, which it may treat as badly as it likes. */
export interface OwnServer {
  readonly where: { redisUrl: string | undefined; databaseUrl: string };
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
  /** As a primary does that has become a replica. */
  refuseWrites(): Promise<void>;
  acceptWrites(): Promise<void>;
}

export function ownServer(kind: BackendKind): Promise<OwnServer> {
  return kind === "redis" ? ownRedis() : ownPostgres();
}

async function ownRedis(): Promise<OwnServer> {
  const port = await freePort();
  let server: Awaited<ReturnType<typeof startRedisServer>> | undefined;
  const stop = async () => server?.kill();
  async function command(name: string, ...args: string[]): Promise<void> {
    const client = new Redis(port, "127.0.0.1");
    await client.call(name, ...args);
    client.disconnect();
  }
  return {
    where: { redisUrl: `redis://127.0.0.1:${port}`, databaseUrl: "" },
    start: async () => {
      if (server === undefined) server = await startRedisServer({ port });
      else await server.restart();
    },
    stop,
    remove: async () => server?.stop(),
    refuseWrites: () => command("REPLICAOF", "127.0.0.1", "1"),
    acceptWrites: () => command("REPLICAOF", "NO", "ONE"),
  };
}

async function ownPostgres(): Promise<OwnServer> {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-queue-test-"));
  let server: Awaited<ReturnType<typeof startEmbeddedPostgres>> | undefined;
  const stop = async () => {
    await server?.stop();
    server = undefined;
  };
  const databaseUrl = `postgresql://evergrant:evergrant@127.0.0.1:${port}/postgres`;
  /** For the sessions to come; those at hand are ended. */
  const setReadOnly = (value: "on" | "off") =>
    withClient(databaseUrl, async (client) => {
      await client.query("SET default_transaction_read_only = off");
      await client.query(`ALTER DATABASE postgres SET default_transaction_read_only = ${value}`);
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evergrant-queue'",
      );
    });
  return {
    where: { redisUrl: undefined, databaseUrl },
    start: async () => {
      server = await startEmbeddedPostgres({ dataDir, port, durable: false });
    },
    stop,
    remove: async () => {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    refuseWrites: () => setReadOnly("on"),
    acceptWrites: () => setReadOnly("off"),
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
