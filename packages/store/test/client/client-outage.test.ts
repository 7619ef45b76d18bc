import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseUrl, type RunningPostgres, startEmbeddedPostgres } from "@evergrant/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { openStore, type Store } from "../../src/client.ts";
import { describeStoreError, isTransient } from "../../src/client-errors.ts";
import { waitForDatabase } from "../../src/wait-for-database.ts";

const silenceTimeoutMs = 600;
let dataDir: string;
let server: RunningPostgres;
let store: Store;

const start = (port?: number) =>
  startEmbeddedPostgres({ dataDir, durable: false, maxConnections: 12, ...(port === undefined ? {} : { port }) });
const open = (url = server.url, poolSize = 2) =>
  openStore({
    databaseUrl: url,
    applicationName: "evergrant-test",
    poolSize,
    statementTimeoutMs: 400,
    silenceTimeoutMs,
  });
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (reason: unknown) => reason,
  );

/**
 * A statement that sleeps in the server, caught asleep: its session, and how it ends. A nap is shorter than
 * the statement timeout, so on a busy machine it may be over before it is seen; then another is taken.
 */
async function nap(each: Store): Promise<{ pid: number; failure: Promise<unknown> }> {
  for (let naps = 0; naps < 50; naps += 1) {
    let isOver = false;
    const failure = failureOf(each.prisma.$queryRaw`SELECT pg_sleep(0.35)::text`).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const [session] = await store.prisma.$queryRaw<{ pid: number }[]>`
        SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' LIMIT 1`;
      if (session !== undefined) return { pid: session.pid, failure };
    }
  }
  throw new Error("no nap was long enough to be seen");
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "evergrant-test-postgres-"));
  server = await start();
});
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});
beforeEach(() => {
  store = open();
});
afterEach(() => store.close());

describe("when the server goes away", () => {
  test("what is under way fails as transient, nothing else breaks, and the same store works once it is back", async () => {
    await store.ping();
    const { failure: underWay } = await nap(store);
    await server.stop();
    const failures = [await underWay, await failureOf(store.ping()), await failureOf(store.prisma.oAuthApp.count())];
    failures.push(await failureOf(store.prisma.$transaction((tx) => tx.$queryRaw`SELECT 1`)));
    expect(failures.map(isTransient)).toEqual([true, true, true, true]);
    expect(failures.slice(1).map(describeStoreError)).toEqual(
      Array.from({ length: 3 }, () => `no PostgreSQL answers at 127.0.0.1:${server.port}`),
    );

    server = await start(server.port);
    await store.ping();
  });

  test("in the middle of a transaction, its next statement and its commit fail as transient", async () => {
    const lose = (next: (tx: Pick<Store["prisma"], "$queryRaw">) => Promise<unknown>) =>
      failureOf(
        store.prisma.$transaction(async (tx) => {
          const [session] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
          await store.prisma.$queryRaw`SELECT pg_terminate_backend(${session?.pid}::int, 1000)`;
          await next(tx);
        }),
      );
    const failures = [await lose((tx) => tx.$queryRaw`SELECT 1`), await lose(async () => {})];
    expect(failures.map(isTransient)).toEqual([true, true]);
    await store.ping();
  });

  test("by a crash, what is under way and what comes during its recovery fail as transient", async () => {
    const { pid, failure: underWay } = await nap(store);
    const sessions = await store.prisma.$queryRaw<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'`;
    process.kill(pid, "SIGKILL");
    expect(isTransient(await underWay)).toBe(true);
    // Until the server has noticed and ended every session, one of them may still answer.
    await vi.waitFor(() => expect(sessions.filter((session) => isRunning(session.pid))).toEqual([]), 10_000);
    await waitForDatabase(store);
  });

  test("without a word, a statement is given up within the time of silence and its connection with it", async () => {
    const stores = [open(), open()] as const;
    const { pid: first, failure: plain } = await nap(stores[0]);
    process.kill(first, "SIGSTOP");
    const frozen = [first];
    const inTransaction = failureOf(
      stores[1].prisma.$transaction(async (tx) => {
        const [session] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        process.kill(Number(session?.pid), "SIGSTOP");
        frozen.push(Number(session?.pid));
        await tx.$queryRaw`SELECT 1`;
      }),
    );
    try {
      expect([isTransient(await plain), isTransient(await inTransaction)]).toEqual([true, true]);
      await Promise.all(stores.map((each) => each.ping()));
    } finally {
      for (const pid of frozen) process.kill(pid, "SIGCONT");
      await Promise.all(stores.map((each) => each.close()));
    }
  });
});

describe("what may pass by itself is transient", () => {
  test("no connection to be had from the server", async () => {
    const crowd = Array.from({ length: 16 }, () => open(server.url, 1));
    const failures = await Promise.all(
      crowd.map((each) => failureOf(each.prisma.$queryRaw`SELECT pg_sleep(0.3)::text`)),
    );
    await Promise.all(crowd.map((each) => each.close()));
    const refused = failures.filter((failure) => failure !== undefined);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(isTransient)).toBe(true);
    expect(describeStoreError(refused[0])).toMatch(/\(SQLSTATE 53300\)$/);
  });

  test("a statement that takes too long", async () => {
    const failure = await failureOf(store.prisma.$queryRaw`SELECT pg_sleep(5)::text`);
    expect(describeStoreError(failure)).toBe("canceling statement due to statement timeout (SQLSTATE 57014)");
    expect(isTransient(failure)).toBe(true);
  });

  test("a server that is read-only", async () => {
    const failure = await failureOf(
      store.prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SET TRANSACTION READ ONLY`;
        await tx.$executeRaw`CREATE TABLE never (id int)`;
      }),
    );
    expect(describeStoreError(failure)).toMatch(/\(SQLSTATE 25006\)$/);
    expect(isTransient(failure)).toBe(true);
  });

  test("two transactions that wait for each other", async () => {
    let met = 0;
    let bothHold = () => {};
    const both = new Promise<void>((resolve) => {
      bothHold = resolve;
    });
    const lockInOrder = (one: number, two: number) =>
      failureOf(
        store.prisma.$transaction(async (tx) => {
          await tx.$executeRaw`SET LOCAL deadlock_timeout = 20`;
          await tx.$executeRaw`SELECT pg_advisory_xact_lock(${one}::int)`;
          met += 1;
          if (met === 2) bothHold();
          await both;
          await tx.$executeRaw`SELECT pg_advisory_xact_lock(${two}::int)`;
        }),
      );
    const failures = (await Promise.all([lockInOrder(1, 2), lockInOrder(2, 1)])).filter((failure) => failure);
    expect(failures.map((failure) => [isTransient(failure), describeStoreError(failure)])).toEqual([
      [true, "deadlock detected (SQLSTATE 40P01)"],
    ]);
  });
});

describe("what no waiting mends is not transient", () => {
  const wrong: [string, () => string, string][] = [
    ["a wrong password", () => server.url.replace("evergrant@", "Hunter2@"), "password authentication failed for user"],
    ["a missing database", () => databaseUrl(server.url, "nowhere"), 'database "nowhere" does not exist'],
  ];

  test.each(wrong)("%s", async (_name, url, text) => {
    const other = open(url());
    const failure = await failureOf(other.ping());
    expect(isTransient(failure)).toBe(false);
    const waiting = await failureOf(waitForDatabase(other));
    await other.close();
    expect(String(waiting)).toContain(`PostgreSQL answers, but cannot be used: ${text}`);
    expect(String(waiting)).not.toContain("Hunter2");
  });

  test("a missing table", async () => {
    expect(isTransient(await failureOf(store.prisma.oAuthApp.count()))).toBe(false);
  });
});

describe("waiting for the database", () => {
  test("goes on until it is there, and says so once", async () => {
    await server.stop();
    const lines: string[] = [];
    const ping = vi.fn(store.ping);
    const ready = waitForDatabase({ ping }, { onWaiting: (reason) => lines.push(reason) });
    await vi.waitFor(() => expect(ping).toHaveBeenCalledTimes(3), { timeout: 5_000 });
    server = await start(server.port);
    await ready;
    expect(lines).toEqual([`Waiting for PostgreSQL: no PostgreSQL answers at 127.0.0.1:${server.port}.`]);
  });

  test("ends when it is told to, with the reason it was given", async () => {
    const nowhere = open(server.url.replace(String(server.port), "1"));
    const stop = new AbortController();
    const waiting = waitForDatabase(nowhere, {
      signal: stop.signal,
      onWaiting: () => stop.abort(new Error("shutdown")),
    });
    await expect(waiting).rejects.toThrow("shutdown");
    await nowhere.close();
  });
});
