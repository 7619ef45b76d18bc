import { consumeRefreshes, createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { claim } from "@evergrant/store";
import { createTestDatabase } from "@evergrant/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { APP, openWorkplace, type WorkerUnderTest, type Workplace } from "./worker-under-test.ts";

let place: Workplace;
beforeAll(async () => {
  place = await openWorkplace();
});
afterEach(async () => {
  await place.provider.clearFaults();
  await place.stopWorkers();
});
afterAll(() => place.close());

async function connectOne(): Promise<string> {
  const [id] = await place.connect(1);
  if (id === undefined) throw new Error("nothing was minted");
  return id;
}

const auditOf = async (id: string) => (await place.provider.auditGrants()).find((grant) => grant.id === id);

test("a connection that waits in its queue twenty times over is asked for once", async () => {
  const id = await connectOne();
  const { queues, consume } = await openQueues();
  for (let count = 0; count < 20; count += 1) await queues.offer(APP, [{ connectionId: id, priority: 100 }]);
  const hold = await place.provider.hold({ grantId: id }, "rotated");
  consume(place.startWorker());
  consume(place.startWorker());
  await place.provider.awaitHeld(hold);
  await expect.poll(() => queues.depth(APP), { timeout: 10_000 }).toEqual({ waiting: 0, active: 1 });
  await place.provider.clearFaults(hold);
  await expect.poll(() => queues.depth(APP), { timeout: 10_000 }).toEqual({ waiting: 0, active: 0 });
  expect(await auditOf(id)).toMatchObject({ requests: 1, overlaps: 0, alive: true });
});

test("a worker that is handed a connection twice in the same instant asks once", async () => {
  const id = await connectOne();
  const worker = place.startWorker();
  await Promise.all([worker.refresh(id), worker.refresh(id), worker.refresh(id)]);
  expect(await auditOf(id)).toMatchObject({ requests: 1, overlaps: 0, alive: true });
});

test("a row that cannot be read keeps no other from being claimed with it", async () => {
  const [poisoned = "", ...sound] = await place.connect(4);
  await place.store.prisma.$executeRaw`
    UPDATE connection SET access_token_expires_at = 'infinity' WHERE id = ${poisoned}`;
  const worker = place.startWorker();
  const refreshed = await Promise.allSettled([poisoned, ...sound].map((id) => worker.refresh(id)));
  expect(refreshed.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
  for (const id of sound) expect(await auditOf(id)).toMatchObject({ requests: 1, rotations: 1 });
  expect(await auditOf(poisoned)).toMatchObject({ requests: 0 });
});

test("a provider that takes longer than a lease to answer is not asked a second time meanwhile", async () => {
  const leaseMs = 1_500;
  const id = await connectOne();
  const hold = await place.provider.hold({ grantId: id }, "rotated");
  const refreshed = place.startWorker({ leaseMs }).refresh(id);
  await place.provider.awaitHeld(hold);
  const other = place.startWorker({ leaseMs });
  const attempts: Promise<unknown>[] = [];
  const renewedFor = async () => {
    attempts.push(other.refresh(id));
    const intent = await place.store.prisma.refreshIntent.findUnique({ where: { connectionId: id } });
    return intent === null ? 0 : intent.leaseExpiresAt.getTime() - intent.claimedAt.getTime();
  };
  // A renewal lasts as long as a lease: more than two of them mean that the first is over.
  await expect.poll(renewedFor, { timeout: 6_000 }).toBeGreaterThan(2 * leaseMs);
  expect(await auditOf(id)).toMatchObject({ requests: 1 });
  await place.provider.clearFaults(hold);
  await Promise.all([refreshed, ...attempts]);
  expect(await auditOf(id)).toMatchObject({ requests: 1, overlaps: 0, alive: true });
});

describe("for the time of a lease after the database was in trouble, a worker takes nothing over:", () => {
  /** A claim whose holder is gone. */
  const loseClaim = async (id: string) => {
    await claim(place.store, [id], { holder: "lost", leaseMs: 1 });
    const isDead = async () =>
      place.store.prisma
        .$queryRaw`SELECT lease_expires_at < clock_timestamp() AS dead FROM refresh_intent WHERE connection_id = ${id}`;
    await expect.poll(isDead).toEqual([{ dead: true }]);
  };

  /** Takes a table away while something is tried. */
  const without = async (table: "refresh_intent" | "refresh_tally", action: () => Promise<void>) => {
    await place.store.prisma.$executeRawUnsafe(`ALTER TABLE ${table} RENAME TO gone`);
    try {
      await action();
    } finally {
      await place.store.prisma.$executeRawUnsafe(`ALTER TABLE gone RENAME TO ${table}`);
    }
  };

  const troubles: readonly (readonly [string, (worker: WorkerUnderTest) => Promise<void>])[] = [
    [
      "a claim that failed",
      async (worker) => {
        const id = await connectOne();
        await without("refresh_intent", () => expect(worker.refresh(id)).rejects.toThrow());
      },
    ],
    [
      "a settle that was not taken",
      async (worker) => {
        const id = await connectOne();
        let settled = Promise.resolve({});
        await without("refresh_tally", async () => {
          settled = worker.refresh(id);
          const isWaiting = () => worker.lines.map(({ msg }) => msg);
          await expect.poll(isWaiting).toContain("settles are not taken, trying again");
        });
        await settled;
      },
    ],
    [
      "a lease that could not be renewed",
      async (worker) => {
        const id = await connectOne();
        const hold = await place.provider.hold({ grantId: id }, "rotated");
        const settled = worker.refresh(id);
        await place.provider.awaitHeld(hold);
        await without("refresh_intent", () =>
          expect.poll(() => worker.troubles.length, { timeout: 5_000 }).toBeGreaterThan(0),
        );
        await place.provider.clearFaults(hold);
        await settled;
      },
    ],
  ];

  test.each(troubles)("%s", async (_, suffer) => {
    const lost = await connectOne();
    await loseClaim(lost);
    const worker = place.startWorker({ leaseMs: 3_000 });
    await suffer(worker);
    await worker.refresh(lost);
    expect(await auditOf(lost)).toMatchObject({ requests: 0 });
    await place.startWorker().refresh(lost);
    expect(await auditOf(lost)).toMatchObject({ requests: 1 });
  });
});

/** The queue of the app, in a database of its own. */
async function openQueues() {
  const database = await createTestDatabase({ migrated: false });
  const onError = (error: Error) => {
    throw error;
  };
  const backend = createQueueBackend({ databaseUrl: database.url, onError });
  await backend.prepare();
  const queues = new RefreshQueues(backend);
  const consumers: { close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    await Promise.all(consumers.map((consumer) => consumer.close()));
    await queues.close();
    await backend.close();
    await database.drop();
  });
  return {
    queues,
    consume(worker: WorkerUnderTest) {
      const options = { backend, appId: APP, concurrency: 30, lockMs: 30_000, onError };
      consumers.push(consumeRefreshes({ ...options, handle: (id) => worker.refresh(id) }));
    },
  };
}
