import { join } from "node:path";
import { projectRoot, startNodeProcess } from "@evergrant/testkit";
import { Queue } from "bullmq";
import type { PrismaClient } from "../generated/client.ts";
import { openPlainDatabase } from "../plain/open-plain-database.ts";
import type { PlainConfig } from "../plain/plain-config.ts";
import { openPlainVault, type PlainVault } from "../plain/plain-vault.ts";
import type { Contender, Ground, Prepared, Stored } from "./contender.ts";

const insertBatch = 1_000;

/** The worker that most people write; see plain-worker.ts. */
export const plain: Contender = {
  name: "plain",
  async prepare(ground) {
    const { databaseUrl, redisUrl, tokenUrl, clientId, clientSecret, keyRing } = ground;
    const vault = await openPlainVault(databaseUrl, keyRing);
    const prisma = openPlainDatabase(databaseUrl);
    await storeGrants(prisma, vault, ground);
    const queue = new Queue(`plain-${clientId}`, { connection: { url: redisUrl } });
    await queue.addBulk(ground.grants.map(({ id }) => jobOf(id)));

    return {
      startWorker: ({ concurrency, nodeArgs }) => {
        const names = { databaseUrl, redisUrl, tokenUrl, clientId, clientSecret, keyRing };
        const config: PlainConfig = { ...names, queue: queue.name, concurrency };
        return startNodeProcess({
          name: "the plain worker",
          file: join(projectRoot, "bench/dist/plain-worker.js"),
          nodeArgs,
          env: { NODE_ENV: "production" },
          input: JSON.stringify(config),
        });
      },
      openJobs: () => queue.getJobCountByTypes("waiting", "prioritized", "delayed", "active"),
      readStored: () => readStored(prisma, vault),
      async close() {
        await queue.close();
        await prisma.$disconnect();
      },
    } satisfies Prepared;
  },
};

function jobOf(id: string) {
  return {
    name: "refresh",
    data: { id },
    opts: {
      jobId: `refresh-${id}`,
      attempts: 3,
      backoff: { type: "exponential", delay: 1_000 },
      removeOnComplete: true,
      removeOnFail: 100,
    },
  };
}

async function storeGrants(prisma: PrismaClient, vault: PlainVault, { grants }: Ground): Promise<void> {
  // As Prisma's migration would make it, with as much room on a page as Evergrant's table of tokens has.
  await prisma.$executeRaw`
    CREATE TABLE plain_connection (
      id text PRIMARY KEY,
      refresh_token bytea NOT NULL,
      access_token bytea NOT NULL,
      expires_at timestamptz(3) NOT NULL,
      updated_at timestamptz(3) NOT NULL
    ) WITH (fillfactor = 70)`;
  for (let start = 0; start < grants.length; start += insertBatch) {
    await prisma.plainConnection.createMany({
      data: grants.slice(start, start + insertBatch).map((grant) => ({
        id: grant.id,
        refreshToken: vault.seal(grant.id, "refreshToken", grant.refreshToken),
        accessToken: vault.seal(grant.id, "accessToken", grant.accessToken),
        expiresAt: new Date(grant.accessTokenExpiresAt),
      })),
    });
  }
}

async function readStored(prisma: PrismaClient, vault: PlainVault): Promise<Stored> {
  const rows = await prisma.plainConnection.findMany({ select: { id: true, refreshToken: true, updatedAt: true } });
  const refreshTokens = Object.fromEntries(
    rows.map(({ id, refreshToken }) => [id, vault.open(id, "refreshToken", refreshToken)]),
  );
  return { refreshTokens, lastStoredAt: rows.reduce((last, row) => Math.max(last, row.updatedAt.getTime()), 0) };
}
