import { createTestDatabase, startTcpProxy } from "@evergrant/testkit";
import { expect, onTestFinished, test } from "vitest";
import { consumeRefreshes, RefreshQueues } from "../src/index.ts";
import { placeAt, recordingHandler } from "./backend-under-test.ts";

/** ReadyForQuery of a session that is in no transaction, and of one that is. */
const READY = [Buffer.from("Z\0\0\0\x05I", "latin1"), Buffer.from("Z\0\0\0\x05T", "latin1")];
/** What PostgreSQL says to a session that an operator or a restart ends. */
const ENDED = fatal("57P01", "terminating connection due to administrator command");
/** About as many as a worker is given between its first contact and its first job. */
const ANSWERS = 16;

test("a session that PostgreSQL ends right after any of its answers ends no process, and the queue goes on", async () => {
  const database = await createTestDatabase({ migrated: false });
  onTestFinished(() => database.drop());
  const direct = placeAt({ redisUrl: undefined, databaseUrl: database.url });
  onTestFinished(() => direct.leave());
  await direct.open().prepare();

  const target = new URL(database.url);
  const proxy = await startTcpProxy({ host: target.hostname, port: Number(target.port) });
  onTestFinished(() => proxy.cut());
  target.host = `127.0.0.1:${proxy.port}`;
  let ended = 0;
  for (let last = 1; last <= ANSWERS; last++) {
    let answers = 0;
    const unwatch = proxy.watch(({ from, data }) => {
      if (from === "client" || !READY.some((ready) => data.subarray(-6).equals(ready))) return undefined;
      answers += 1;
      return answers === last ? { lastly: ENDED } : undefined;
    });
    const place = placeAt({ redisUrl: undefined, databaseUrl: target.href });
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
    const id = `after-${last}`;
    const offered = () =>
      queues.offer("app", [{ connectionId: id, priority: 100 }]).then(
        () => true,
        () => false,
      );
    await expect.poll(offered, { timeout: 10_000 }).toBe(true);
    await expect.poll(() => handled, { timeout: 10_000 }).toContain(id);
    await consumer.close();
    await place.leave();
    unwatch();
    if (answers >= last) ended += 1;
  }
  expect(ended).toBe(ANSWERS);
}, 120_000);

function fatal(sqlState: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`, "latin1");
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from("E"), length, fields]);
}
