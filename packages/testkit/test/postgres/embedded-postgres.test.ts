import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbeddedPostgres, withClient } from "../../src/postgres/index.ts";

describe("an embedded PostgreSQL", () => {
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "evergrant-test-postgres-"));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  test("keeps its data over a stop, and is durable unless told otherwise", async () => {
    const before = await startEmbeddedPostgres({ dataDir });
    await withClient(before.url, (client) => client.query("CREATE TABLE kept AS SELECT 1 AS one"));
    await before.stop();

    const after = await startEmbeddedPostgres({ dataDir, port: before.port });
    const { rows } = await withClient(after.url, (client) =>
      client.query(
        "SELECT one, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS sync FROM kept",
      ),
    );
    await after.stop();
    expect(rows).toEqual([{ one: 1, fsync: "on", sync: "on" }]);
  });

  test("comes back from an immediate stop with what was committed and nothing else", async () => {
    const before = await startEmbeddedPostgres({ dataDir });
    const open = new pg.Client(before.url);
    open.on("error", () => {});
    await open.connect();
    await open.query("CREATE TABLE survived AS SELECT 1 AS one");
    await open.query("BEGIN; INSERT INTO survived VALUES (2)");
    await before.stop("immediate");
    const after = await startEmbeddedPostgres({ dataDir, port: before.port });
    const { rows } = await withClient(after.url, (client) => client.query("SELECT one FROM survived"));
    await after.stop();
    expect(rows).toEqual([{ one: 1 }]);
  });

  test("says why it does not start when its port is taken", async () => {
    const squatter = createServer();
    const port = await new Promise<number>((resolve) => {
      squatter.listen(0, "127.0.0.1", () => resolve((squatter.address() as { port: number }).port));
    });
    await expect(startEmbeddedPostgres({ dataDir, port })).rejects.toThrow("Address already in use");
    squatter.close();
  });

  test.runIf(process.getuid?.() === 0)("says what to do as root where no other user can reach its folder", async () => {
    const closed = await mkdtemp(join(tmpdir(), "evergrant-test-closed-"));
    await expect(startEmbeddedPostgres({ dataDir: join(closed, "postgres") })).rejects.toThrow(
      `PostgreSQL refuses to run as root, and no other user can reach ${closed}: open the folders above it (chmod o+x), or run as another user.`,
    );
    await rm(closed, { recursive: true });
  });

  test("stops twice without harm", async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    await server.stop();
    await server.stop();
  });
});
