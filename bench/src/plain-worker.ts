// The worker that most people write: one BullMQ job a connection, which reads the token row, asks the
// provider and writes the new tokens back. Written with care, without any of Evergrant's safety.
import { text } from "node:stream/consumers";
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { request } from "undici";
import { openPlainDatabase } from "./plain/open-plain-database.ts";
import type { PlainConfig } from "./plain/plain-config.ts";
import { openPlainVault } from "./plain/plain-vault.ts";

interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

const config: PlainConfig = JSON.parse(await text(process.stdin));
const vault = await openPlainVault(config.databaseUrl, config.keyRing);
const prisma = openPlainDatabase(config.databaseUrl);
const authorization = `Basic ${Buffer.from(`${config.clientId}:${config.clientSecret}`).toString("base64")}`;

const worker = new Worker<{ id: string }>(config.queue, (job) => refresh(job.data.id), {
  connection: new Redis(config.redisUrl, { maxRetriesPerRequest: null }),
  concurrency: config.concurrency,
});
worker.on("failed", (_job, error) => process.stderr.write(`a job failed: ${error.message}\n`));
worker.on("error", (error) => process.stderr.write(`${error.message}\n`));
process.once("SIGTERM", () => void stop());

async function refresh(id: string): Promise<void> {
  const row = await prisma.plainConnection.findUniqueOrThrow({ where: { id } });
  const answer = await askForTokens(vault.open(id, "refreshToken", row.refreshToken));
  await prisma.plainConnection.update({
    where: { id },
    data: {
      refreshToken: vault.seal(id, "refreshToken", answer.refresh_token),
      accessToken: vault.seal(id, "accessToken", answer.access_token),
      expiresAt: new Date(Date.now() + answer.expires_in * 1000),
    },
  });
}

async function askForTokens(refreshToken: string): Promise<TokenAnswer> {
  const { statusCode, body } = await request(config.tokenUrl, {
    method: "POST",
    headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }).toString(),
  });
  if (statusCode !== 200) throw new Error(`the provider answered ${statusCode}: ${await body.text()}`);
  return (await body.json()) as TokenAnswer;
}

async function stop(): Promise<void> {
  await worker.close();
  await prisma.$disconnect();
  process.exit(0);
}
