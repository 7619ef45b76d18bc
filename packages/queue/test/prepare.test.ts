import { createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { createTestDatabase, type TestDatabase, withClient } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";

describe("the queue's tables in Postgres", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase({ migrated: false });
  });
  afterEach(() => database.drop());

  const open = (databaseUrl = database.url) => createQueueBackend({ databaseUrl, onError: () => {} });
  const schemasInUse = () =>
    withClient(database.url, async (client) => {
      const { rows } = await client.query<{ schema: string }>(
        `SELECT DISTINCT n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`,
      );
      return rows.map((row) => row.schema);
    });

  test("many pods may prepare them at the same moment, and again later", async () => {
    const pods = Array.from({ length: 10 }, () => open());
    await Promise.all(pods.map((pod) => pod.prepare()));
    await Promise.all(pods.map((pod) => pod.prepare()));
    await Promise.all(pods.map((pod) => pod.ping()));
    await Promise.all(pods.map((pod) => pod.close()));
  });

  test("stand in a schema of their own: no table of anybody else is near", async () => {
    const backend = open();
    await backend.prepare();
    const queues = new RefreshQueues(backend);
    await queues.offer("app", [{ connectionId: "a", priority: 1 }]);
    expect(await schemasInUse()).toEqual(["evergrant_queue"]);
    await queues.close();
    await backend.close();
  });

  test("are found whatever options the database URL brings along", async () => {
    const url = new URL(database.url);
    url.searchParams.set("options", "-c search_path=public -c statement_timeout=10000");
    url.searchParams.set("schema", "public");
    const backend = open(url.href);
    await backend.prepare();
    await backend.ping();
    const queues = new RefreshQueues(backend);
    await queues.offer("app", [{ connectionId: "a", priority: 1 }]);
    expect(await queues.depth("app")).toEqual({ waiting: 1, active: 0 });
    await queues.close();
    await backend.close();
  });

  test("when they are missing, ping says what to do", async () => {
    const backend = open();
    await expect(backend.ping()).rejects.toThrow('run "evergrant migrate"');
    await backend.prepare();
    await backend.ping();
    await backend.close();
  });

  test("a process holds no more connections than it says: 3 to offer, 5 for a worker", async () => {
    const backend = open();
    await backend.prepare();
    const queues = new RefreshQueues(backend);
    const apps = Array.from({ length: 12 }, (_, index) => `app-${index}`);
    await Promise.all(apps.map((app) => queues.offer(app, [{ connectionId: "a", priority: 1 }])));
    await Promise.all(apps.map((app) => queues.depth(app)));
    const held = await withClient(inject("postgresUrl"), async (client) => {
      const { rows } = await client.query<{ count: string }>(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'evergrant-queue'",
        [new URL(database.url).pathname.slice(1)],
      );
      return Number(rows[0]?.count);
    });
    expect(held).toBeLessThanOrEqual(3);
    expect(held).toBeGreaterThan(0);
    await queues.close();
    await backend.close();
  });
});
