import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import {
  createTestDatabase,
  findCanaries,
  makeCanary,
  type PlacesToSearch,
  spellingsOf,
  type TestDatabase,
  withClient,
} from "../../src/index.ts";

// Every letter that some encoding changes.
const canary = { name: "the secret", secret: `${makeCanary("").secret}/+ =&"\\%` };

const found = async (places: PlacesToSearch) =>
  (await findCanaries([canary], places)).sightings.map(({ place, spelling }) => [place, spelling]);

describe("a canary is found", () => {
  test.each([...spellingsOf(canary.secret)])("in a text, %s", async (spelling, text) => {
    for (const written of [text, text.toLowerCase(), text.toUpperCase()]) {
      const sightings = await found({ texts: { log: `before ${written} after` } });
      expect(sightings).toEqual([["log", expect.any(String)]]);
    }
    expect(spelling).not.toBe("");
  });

  test.each([0, 1, 2, 3, 4])(
    "in credentials that were joined behind %i letters and put into base64",
    async (letters) => {
      const joined = Buffer.from(`${"u".repeat(letters)}:${canary.secret}:more`).toString("base64");
      expect(await found({ texts: { log: `Basic ${joined}` } })).toEqual([["log", expect.stringContaining("base64")]]);
    },
  );

  test("in a page's body and in its headers", async () => {
    const server = createServer((request, response) => {
      response.setHeader("x-echo", request.url === "/head" ? encodeURIComponent(canary.secret) : "nothing");
      response.end(request.url === "/body" ? JSON.stringify({ canary }) : "nothing");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const at = (path: string) => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` });
    const places = await found({ pages: [at("/body"), at("/head"), at("/clean")] });
    expect(places.map(([place]) => place)).toEqual([at("/body").url, at("/head").url]);
  });

  test.skipIf(process.platform !== "linux")(
    "in a process's arguments, and in its environment unless it may be there",
    async () => {
      const child = spawn("sleep", ["60"], { env: { SECRET: canary.secret }, argv0: `sleep ${canary.secret}` });
      onTestFinished(() => void child.kill());
      await once(child, "spawn");
      const look = { name: "sleeper", pid: child.pid ?? 0 };
      expect(await found({ processes: [look] })).toHaveLength(2);
      const allowed = await found({ processes: [{ ...look, mayHold: [canary.name] }] });
      expect(allowed).toEqual([["arguments of sleeper", "as it is"]]);
    },
  );
});

describe("in a database, a canary is found", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
  });
  afterAll(() => database.drop());

  test.each([
    ["text", canary.secret],
    ["bytea", Buffer.from(canary.secret)],
    ["json", JSON.stringify({ deep: [canary.secret] })],
    ["jsonb", JSON.stringify({ [canary.secret]: 1 })],
    ["text", JSON.stringify({ data: canary.secret })],
    ["text[]", ["nothing", canary.secret]],
  ])("in a column of %s, in any schema, behind a thousand clean rows", async (type, value) => {
    await withClient(database.url, async (client) => {
      await client.query(`CREATE SCHEMA IF NOT EXISTS "a queue"; DROP TABLE IF EXISTS "a queue".job`);
      await client.query(`CREATE TABLE "a queue".job (id int, content ${type})`);
      await client.query(`INSERT INTO "a queue".job (id) SELECT generate_series(1, 1500)`);
      await client.query(`INSERT INTO "a queue".job VALUES (0, $1)`, [value]);
    });
    const { sightings, read } = await findCanaries([canary], { databaseUrls: [database.url] });
    expect(sightings).toMatchObject([{ canary: canary.name, place: "table a queue.job" }]);
    expect(read.databaseUrls.pieces).toBeGreaterThan(2);
  });

  test("in a statement that runs at this moment", async () => {
    const tame = makeCanary("in a statement");
    await withClient(database.url, async (client) => {
      const running = client.query(`SELECT pg_sleep(60) /* ${tame.secret} */`).catch(() => {});
      const search = () => findCanaries([tame], { databaseUrls: [database.url] });
      await expect.poll(search).toMatchObject({ sightings: [{ place: "running statements" }] });
      await withClient(database.url, (other) =>
        other.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"),
      );
      await running;
    });
  });
});

describe.skipIf(inject("redisUrl") === null)("in Redis, a canary is found", () => {
  const key = `canary-test-${process.pid}`;
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(inject("redisUrl") ?? "");
  });
  afterAll(async () => {
    await redis.del(key);
    redis.disconnect();
  });

  const large = `${"compressible ".repeat(100)}${canary.secret}`;
  test.each<[string, (secret: string) => Promise<unknown>]>([
    ["a string", (secret) => redis.set(key, secret)],
    ["a list", (secret) => redis.rpush(key, "nothing", secret)],
    ["a set", (secret) => redis.sadd(key, secret)],
    ["a sorted set", (secret) => redis.zadd(key, 1, secret)],
    ["a field of a hash", (secret) => redis.hset(key, secret, "1")],
    ["a value of a hash", (secret) => redis.hset(key, "1", secret)],
    ["an event of a stream", (secret) => redis.xadd(key, "*", "data", secret)],
  ])("in %s, also where Redis compresses it", async (_type, plant) => {
    for (const secret of [canary.secret, large]) {
      await redis.del(key);
      await plant(secret);
      const places = await found({ redisUrls: [inject("redisUrl") ?? ""] });
      expect(places).toEqual([[`Redis key ${key}`, "as it is"]]);
    }
  });

  test("in the name of a key", async () => {
    const named = `k:${canary.secret}`;
    await redis.set(named, "nothing");
    const places = await found({ redisUrls: [inject("redisUrl") ?? ""] });
    await redis.del(named);
    expect(places.filter(([place]) => place?.includes("k:"))).toHaveLength(1);
  });
});

test("a sighting holds no part of the secret", async () => {
  const search = await findCanaries([canary], { texts: { log: canary.secret } });
  expect(search).toMatchObject({ sightings: [{ canary: "the secret", place: "log", spelling: "as it is" }] });
  expect(JSON.stringify(search)).not.toContain(canary.secret.slice(0, 12));
});

test("what holds none is clean, and how much was read is told", async () => {
  const search = await findCanaries([canary], { texts: { log: ["nothing", "here"] } });
  expect(search).toMatchObject({ sightings: [], read: { texts: { pieces: 1, bytes: 12 }, pages: { pieces: 0 } } });
});

test("a place that cannot be read is no clean place", async () => {
  await expect(findCanaries([canary], { processes: [{ name: "none", pid: 2 ** 30 }] })).rejects.toThrow();
  await expect(findCanaries([canary], { pages: [{ url: "http://127.0.0.1:1/" }] })).rejects.toThrow();
  await expect(findCanaries([canary], { redisUrls: ["redis://127.0.0.1:1"] })).rejects.toThrow();
  await expect(findCanaries([canary], { databaseUrls: ["postgresql://u@127.0.0.1:1/n"] })).rejects.toThrow();
});
