import { createTestDatabase, endSessionAfterAnswer, startTcpProxy } from "@evergrant/testkit";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../src/client.ts";

/** As many as the work below is given, the setting up of its session among them. */
const ANSWERS = 6;

test("a session that PostgreSQL ends right after any of its answers ends no process", async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on("uncaughtException", hear);
  onTestFinished(() => void process.off("uncaughtException", hear));
  const database = await createTestDatabase({ migrated: false });
  onTestFinished(() => database.drop());
  const url = new URL(database.url);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  onTestFinished(() => proxy.cut());
  url.host = `127.0.0.1:${proxy.port}`;
  for (let nth = 1; nth <= ANSWERS; nth++) {
    const session = endSessionAfterAnswer(proxy, nth);
    await askAndCommit(url.href);
    expect(session.hasEnded(), `${nth} answers`).toBe(true);
    session.unwatch();
    expect(unheard, `after answer ${nth}`).toEqual([]);
  }
}, 60_000);

/** A statement alone and a transaction of two, each until it succeeds, over one connection. */
async function askAndCommit(databaseUrl: string): Promise<void> {
  const store = openStore({ databaseUrl, applicationName: "evergrant-test", poolSize: 1 });
  const succeeds = (work: Promise<unknown>) =>
    work.then(
      () => true,
      () => false,
    );
  await expect.poll(() => succeeds(store.ping())).toBe(true);
  const transact = () =>
    store.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1`;
      await tx.$queryRaw`SELECT 2`;
    });
  await expect.poll(() => succeeds(transact())).toBe(true);
  await store.close();
}
