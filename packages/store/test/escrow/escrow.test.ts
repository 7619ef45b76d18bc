import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedisServer } from "@evergrant/testkit";
import { afterEach, describe, expect, inject, test } from "vitest";
import { type Escrow, EscrowError, openEscrow } from "../../src/escrow/index.ts";

const toClose: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "evergrant-escrow-"));
  toClose.push(() => rm(path, { recursive: true, force: true }));
  return join(path, "escrow");
}

async function redis(): Promise<RedisServer> {
  const server = await startRedisServer();
  toClose.push(() => server.stop());
  return server;
}

function open(options: { redisUrl?: string; directory?: string; namespace?: string }): Escrow {
  const escrow = openEscrow({ namespace: "test", onError: () => {}, ...options });
  toClose.push(() => escrow.close());
  return escrow;
}

const entry = (id: string, text = `sealed ${id}`) => ({ id, sealed: new Uint8Array(Buffer.from(text)) });
const textsOf = async (escrow: Escrow) => {
  const { entries } = await escrow.readAll();
  return Object.fromEntries(entries.map(({ id, sealed }) => [id, Buffer.from(sealed).toString()]));
};

const places = [
  { place: "a folder", needsRedis: false, options: async () => ({ directory: await folder() }) },
  { place: "Redis", needsRedis: true, options: async () => ({ redisUrl: (await redis()).url }) },
];

describe.each(places)("an escrow in $place", ({ needsRedis, options }) => {
  test.runIf(!needsRedis || inject("redisUrl") !== null)(
    "gives back what was put there, also to another process, until it is removed",
    async () => {
      const where = await options();
      const mine = open(where);
      await mine.put([entry("a"), entry("b")]);
      await mine.put([entry("b", "sealed anew")]);
      const other = open(where);
      expect(await textsOf(other)).toEqual({ a: "sealed a", b: "sealed anew" });
      expect(await other.count()).toBe(2);
      await other.remove(["a", "never put"]);
      expect(await textsOf(mine)).toEqual({ b: "sealed anew" });
    },
  );

  test.runIf(!needsRedis || inject("redisUrl") !== null)(
    "tells every process what is awaited, until the time that was said",
    async () => {
      const where = await options();
      const [mine, other] = [open(where), open(where)];
      await mine.markAwaited(["books/a b", "long"], 60_000);
      await mine.markAwaited(["short"], 1);
      const ask = async () => (await other.readAwaited(["books/a b", "long", "short", "never"])).awaited;
      await expect.poll(ask).toEqual(new Set(["books/a b", "long"]));
      expect(await other.readAll()).toEqual({ entries: [], complete: true, faults: [] });
      await mine.markAwaited(["long"], 1);
      await expect.poll(ask).toEqual(new Set(["books/a b"]));
    },
  );

  test.runIf(!needsRedis || inject("redisUrl") !== null)("is empty before anything was put there", async () => {
    const escrow = open(await options());
    expect(await escrow.readAll()).toEqual({ entries: [], complete: true, faults: [] });
    expect(await escrow.count()).toBe(0);
    expect(await escrow.readAwaited(["a"])).toEqual({ awaited: new Set(), complete: true });
    await escrow.remove([]);
  });
});

test("two installations that share one Redis do not see each other's entries", async (context) => {
  context.skip(inject("redisUrl") === null);
  const { url } = await redis();
  await open({ redisUrl: url, namespace: "one" }).put([entry("a")]);
  expect(await textsOf(open({ redisUrl: url, namespace: "two" }))).toEqual({});
});

test("while Redis is away the folder takes what comes, and nobody is told that it has seen everything", async (context) => {
  context.skip(inject("redisUrl") === null);
  const server = await redis();
  const directory = await folder();
  const escrow = open({ redisUrl: server.url, directory });
  await escrow.put([entry("in-redis")]);
  await server.kill();
  await escrow.put([entry("in-folder")]);
  expect(await textsOf(escrow)).toEqual({ "in-folder": "sealed in-folder" });
  const { complete, faults } = await escrow.readAll();
  expect(complete).toBe(false);
  expect(faults.map(({ message }) => message)).toEqual(["The escrow does not answer (Redis)."]);
  await expect(escrow.count()).rejects.toThrow(EscrowError);
});

test("while Redis is away the folder also says what is awaited, and nobody is told that this is all", async (context) => {
  context.skip(inject("redisUrl") === null);
  const server = await redis();
  const escrow = open({ redisUrl: server.url, directory: await folder() });
  await escrow.markAwaited(["in-redis"], 60_000);
  await server.kill();
  await escrow.markAwaited(["in-folder"], 60_000);
  expect(await escrow.readAwaited(["in-redis", "in-folder"])).toEqual({
    awaited: new Set(["in-folder"]),
    complete: false,
  });
});

test("without any place says what to set", async () => {
  const escrow = open({});
  expect(escrow.hasPlace).toBe(false);
  await expect(escrow.put([entry("a")])).rejects.toThrow("set REDIS_URL or EVERGRANT_ESCROW_DIR");
  expect((await escrow.readAll()).complete).toBe(true);
});

test("a file that was being written when its process died is no entry", async () => {
  const directory = await folder();
  const escrow = open({ directory });
  await escrow.put([entry("a")]);
  await writeFile(join(directory, "b.draft"), "half of it");
  expect(await textsOf(escrow)).toEqual({ a: "sealed a" });
  expect(await readdir(directory)).toEqual(expect.arrayContaining(["b.draft"]));
});
