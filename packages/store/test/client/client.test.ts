import { inspect } from "node:util";
import { createTestDatabase, type TestDatabase, withClient } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openStore, type Store, toBase64 } from "../../src/client.ts";
import { describeStoreError, isTransient } from "../../src/client-errors.ts";

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "evergrant-test" });
  await store.prisma.oAuthApp.create({
    data: { id: "app", provider: "xero", environment: "sandbox", clientId: "client" },
  });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

describe("an open store", () => {
  test.each([
    ["off", "on"],
    ["local", "local"],
    ["remote_apply", "remote_apply"],
  ])("takes no commit for done that a crash can undo: %s becomes %s", async (given, used) => {
    await withClient(database.url, (client) =>
      client.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET synchronous_commit = ${given}`),
    );
    const durable = openStore({ databaseUrl: database.url, applicationName: "evergrant-test" });
    expect(await durable.prisma.$queryRaw`SHOW synchronous_commit`).toEqual([{ synchronous_commit: used }]);
    await durable.close();
  });

  test("keeps instants exact on a server whose time zone is not UTC", async () => {
    const dueAt = new Date("2026-03-29T00:30:00.123Z");
    const connection = { id: "dates", appId: "app", mode: "fresh", dueAt } as const;
    expect((await store.prisma.connection.create({ data: connection })).dueAt).toEqual(dueAt);

    const raw = await store.prisma.$queryRaw`
      UPDATE connection SET grant_expires_at = at
      FROM unnest(${[dueAt, null]}::timestamptz[]) AS u(at)
      WHERE id = 'dates' AND due_at = u.at AND due_at = ${dueAt}::timestamptz
      RETURNING grant_expires_at`;
    expect(raw).toEqual([{ grant_expires_at: dueAt }]);

    const { rows } = await withClient(database.url, (client) =>
      client.query("SELECT due_at AT TIME ZONE 'UTC' || 'Z' AS utc FROM connection WHERE id = 'dates'"),
    );
    expect(rows).toEqual([{ utc: "2026-03-29 00:30:00.123Z" }]);
  });

  test("says in pg_stat_activity whose session it is", async () => {
    const names = await store.prisma.$queryRaw`
      SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid = pg_backend_pid()`;
    expect(names).toEqual([{ application_name: "evergrant-test" }]);
  });

  test("ends its sessions when it closes, and may be closed twice", async () => {
    const other = openStore({ databaseUrl: database.url, applicationName: "evergrant-closing" });
    const sessions = () =>
      store.prisma.$queryRaw`SELECT state FROM pg_stat_activity WHERE application_name = 'evergrant-closing'`;
    await other.ping();
    expect(await sessions()).toEqual([{ state: "idle" }]);
    await Promise.all([other.close(), other.close()]);
    await vi.waitFor(async () => expect(await sessions()).toEqual([]));
    await expect(other.ping()).rejects.toThrow("after calling end on the pool");
  });
});

describe("bytes for a list parameter", () => {
  test("arrive as they are, also behind a null", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const view = new Uint8Array([9, 9, ...bytes, 9]).subarray(2, 258);
    const rows = await store.prisma.$queryRaw`
      SELECT decode(u.value, 'base64') AS value
      FROM unnest(${[null, view, bytes, new Uint8Array(0)].map(toBase64)}::text[]) AS u(value)`;
    expect(rows).toEqual([{ value: null }, { value: bytes }, { value: bytes }, { value: new Uint8Array(0) }]);
  });

  test("would be stored as their base64 text if they were passed as bytes behind a null", async () => {
    // The trap that toBase64 is for. When this fails, Prisma has closed it.
    const [, row] = await store.prisma.$queryRaw<{ value: Uint8Array }[]>`
      SELECT value FROM unnest(${[null, Buffer.from("token")]}::bytea[]) AS u(value)`;
    expect(Buffer.from(row?.value ?? []).toString()).toBe(Buffer.from("token").toString("base64"));
  });

  test("of a token in the clear, or of its text forms, are refused by the database itself", async () => {
    await store.prisma.connection.create({ data: { id: "clear", appId: "app", mode: "fresh" } });
    const token = "a-refresh-token-that-was-never-sealed-000000";
    for (const text of [token, Buffer.from(token).toString("base64"), Buffer.from(token).toString("hex")]) {
      const row = { connectionId: "clear", generation: 1, fingerprint: new Uint8Array(16) };
      const write = store.prisma.tokenSet.create({ data: { ...row, refreshToken: Buffer.from(text) } });
      await expect(write).rejects.toThrow("token_set_refresh_token_is_sealed");
    }
  });
});

describe("a failure of the database", () => {
  const secret = "rt-SECRET-0123456789";
  const failures: [string, () => Promise<unknown>, string][] = [
    [
      "a broken check",
      () =>
        store.prisma
          .$executeRaw`INSERT INTO grant_fingerprint VALUES (${Buffer.from(secret)}::bytea, ${secret}, now())`,
      'new row for relation "grant_fingerprint" violates check constraint "grant_fingerprint_length" (SQLSTATE 23514)',
    ],
    [
      "a value that is no number",
      () => store.prisma.$queryRaw`SELECT ${secret}::int4`,
      "a value was refused (SQLSTATE 22P02)",
    ],
    [
      "a value in a list",
      () => store.prisma.$queryRaw`SELECT unnest(${[secret]}::timestamptz[])`,
      "a value was refused (SQLSTATE 22007)",
    ],
    [
      "a taken id",
      () =>
        store.prisma.oAuthApp.create({
          data: { id: "app", provider: secret, environment: "sandbox", clientId: secret },
        }),
      'duplicate key value violates unique constraint "oauth_app_pkey" (SQLSTATE 23505)',
    ],
    [
      "a missing parent",
      () => store.prisma.connection.create({ data: { id: secret, appId: secret, mode: "fresh" } }),
      'insert or update on table "connection" violates foreign key constraint "connection_app_id_fkey" (SQLSTATE 23503)',
    ],
    [
      "a missing row",
      () => store.prisma.connection.update({ where: { id: secret }, data: { customer: secret } }),
      "PrismaClientKnownRequestError P2025",
    ],
  ];

  test.each(failures)("is told in one line and shows no value: %s", async (_name, work, line) => {
    const error = await work().catch((reason: unknown) => reason);
    expect(describeStoreError(error)).toBe(line);
    expect(isTransient(error)).toBe(false);
    expect(inspect(error, { depth: 9 })).not.toContain(secret);
    expect(inspect(error, { depth: 9 })).not.toContain(Buffer.from(secret).toString("hex"));
  });

  test("told by a line shows no argument even where Prisma's own text does", async () => {
    const wrong = { id: secret, appId: 5 as unknown as string, mode: "fresh" } as const;
    const error = await store.prisma.connection.create({ data: wrong }).catch((reason: unknown) => reason);
    expect(String(error)).toContain(secret);
    expect(describeStoreError(error)).toBe("PrismaClientValidationError");
  });

  test("is recognised inside the errors that wrap it", async () => {
    const taken = { id: "app", provider: "xero", environment: "sandbox", clientId: "c" } as const;
    const inner = await store.prisma.oAuthApp.create({ data: taken }).catch((reason: unknown) => reason);
    const outer = new Error(secret, { cause: new Error(secret, { cause: inner }) });
    expect(describeStoreError(outer)).toContain("(SQLSTATE 23505)");
    expect(describeStoreError(outer)).not.toContain(secret);
    const lost = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
    expect(isTransient(new Error(secret, { cause: lost }))).toBe(true);
    expect(describeStoreError(new Error(secret, { cause: lost }))).toBe("no PostgreSQL answers (ECONNREFUSED)");
  });

  test("that is none is told by its class alone", () => {
    expect(describeStoreError(new TypeError(secret))).toBe("TypeError");
    expect(describeStoreError(secret)).toBe("string");
    expect(isTransient(new TypeError(secret))).toBe(false);
    expect(isTransient(undefined)).toBe(false);
  });
});
