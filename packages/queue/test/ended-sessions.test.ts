import { consumeRefreshes, RefreshQueues } from "@evergrant/queue";
import { createTestDatabase, endSessionAfterAnswer, startTcpProxy } from "@evergrant/testkit";
import { expect, onTestFinished, test } from "vitest";
import { placeAt, recordingHandler } from "./backend-under-test.ts";

/** Fewer than a worker is given between its first contact and its first job. */
const ANSWERS = 12;

test("a session that PostgreSQL ends right after any of its answers ends no process, and the queue goes on", async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on("uncaughtException", hear);
  onTestFinished(() => void process.off("uncaughtException", hear));
  const database = await createTestDatabase({ migrated: false });
  onTestFinished(() => database.drop());
  const direct = placeAt({ redisUrl: undefined, databaseUrl: database.url });
  await direct.open().prepare();
  await direct.leave();

  const url = new URL(database.url);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  onTestFinished(() => proxy.cut());
  url.host = `127.0.0.1:${proxy.port}`;
  for (let nth = 1; nth <= ANSWERS; nth++) {
    const session = endSessionAfterAnswer(proxy, nth);
    await takeOneJob(url.href, `after-${nth}`);
    expect(session.hasEnded(), `${nth} answers`).toBe(true);
    session.unwatch();
    expect(unheard, `after answer ${nth}`).toEqual([]);
  }
}, 120_000);

/** As a process that starts, does one refresh and stops. */
async function takeOneJob(databaseUrl: string, connectionId: string): Promise<void> {
  const place = placeAt({ redisUrl: undefined, databaseUrl });
  const { handled, handle } = recordingHandler();
  const consumer = consumeRefreshes({
    backend: place.open(),
    appId: "app",
    concurrency: 1,
    lockMs: 30_000,
    handle,
    onError: () => {},
  });
  const queues = new RefreshQueues(place.open());
  const offered = () =>
    queues.offer("app", [{ connectionId, priority: 100 }]).then(
      () => true,
      () => false,
    );
  await expect.poll(offered, { timeout: 10_000 }).toBe(true);
  await expect.poll(() => handled, { timeout: 10_000 }).toContain(connectionId);
  await consumer.close();
  await place.leave();
}
