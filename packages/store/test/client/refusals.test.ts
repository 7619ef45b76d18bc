import { randomBytes } from "node:crypto";
import { createTestDatabase } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRefusal, openStore, type Store } from "../../src/index.ts";

let store: Store;
let url: string;
let drop: () => Promise<void>;
beforeAll(async () => {
  ({ url, drop } = await createTestDatabase());
  store = openStore({ databaseUrl: url, applicationName: "test" });
});
afterAll(async () => {
  await store.close();
  await drop();
});

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: unknown) => error,
  );

describe("a row that is refused will be refused again:", () => {
  const refused: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["a broken check", () => store.prisma.$executeRaw`INSERT INTO data_key VALUES (1, 'x', 0, 'x', '', now())`],
    ["a missing parent", () => store.prisma.$executeRaw`INSERT INTO tenant VALUES ('nobody', 't', null)`],
    ["a value that is no number", () => store.prisma.$queryRaw`SELECT ${"no number"}::int`],
    ["a number too large", () => store.prisma.$queryRaw`SELECT ${"99999999999"}::int`],
    [
      "a row too large for its page",
      () =>
        store.prisma
          .$executeRaw`INSERT INTO connection (id, app_id, mode) VALUES (${incompressible(9_000)}, 'nobody', 'fresh')`,
    ],
  ];
  test.each(refused)("%s", async (_, work) => {
    expect(isRefusal(await failureOf(work()))).toBe(true);
  });
});

describe("what somebody mends is no refusal, however often it fails until then:", () => {
  const mended: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["a table that a migration has yet to make", () => store.prisma.$queryRaw`SELECT * FROM not_there_yet`],
    ["a right that was not granted", withoutRights],
    ["a password that was changed", () => connectAs((address) => (address.username = "nobody"))],
    ["a database that was renamed", () => connectAs((address) => (address.pathname = "/elsewhere"))],
    ["a server that is away", () => connectAs((address) => (address.port = "1"))],
    ["a bug of ours", () => Promise.reject(new TypeError("x is not a function"))],
  ];
  test.each(mended)("%s", async (_, work) => {
    expect(isRefusal(await failureOf(work()))).toBe(false);
  });
});

/** Longer than an index entry may be, and not to be shortened by compression. */
function incompressible(length: number): string {
  return randomBytes(length).toString("base64");
}

async function connectAs(change: (address: URL) => void): Promise<unknown> {
  const address = new URL(url);
  change(address);
  const other = openStore({ databaseUrl: address.href, applicationName: "test" });
  try {
    return await other.ping();
  } finally {
    await other.close();
  }
}

async function withoutRights(): Promise<unknown> {
  return store.prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL ROLE pg_monitor`;
    return tx.$queryRaw`SELECT * FROM token_set`;
  });
}
