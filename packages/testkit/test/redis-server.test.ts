import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedisServer } from "@evergrant/testkit";
import { Redis } from "ioredis";
import { afterEach, describe, expect, inject, test } from "vitest";

describe.skipIf(inject("redisUrl") === null)("a Redis server of one's own", () => {
  const servers: RedisServer[] = [];
  const clients: Redis[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  async function start(options?: Parameters<typeof startRedisServer>[0]): Promise<RedisServer> {
    const server = await startRedisServer(options);
    servers.push(server);
    return server;
  }
  function connect(server: RedisServer): Redis {
    const client = new Redis(server.url, { retryStrategy: () => null, commandTimeout: 500 });
    client.on("error", () => {});
    clients.push(client);
    return client;
  }

  test("answers when it is handed over, and each is a server of its own", async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.port).not.toBe(two.port);
    await connect(one).set("key", "one");
    expect(await connect(two).get("key")).toBeNull();
  });

  test("stop ends it, leaves no file behind, and may be called again", async () => {
    const server = await start();
    const config = await connect(server).config("GET", "dir");
    const dir = (config as string[])[1] as string;
    expect(existsSync(dir)).toBe(true);
    await server.stop();
    await server.stop();
    await expect(connect(server).ping()).rejects.toThrow();
    expect(existsSync(dir)).toBe(false);
  });

  test("killed and started again it has the same address and nothing in it", async () => {
    const server = await start();
    await connect(server).set("key", "value");
    await server.kill();
    await expect(connect(server).ping()).rejects.toThrow();
    await server.restart();
    expect(await connect(server).get("key")).toBeNull();
  });

  test("with persistence asked for, a restart keeps what was written", async () => {
    const dir = await mkdtemp(join(tmpdir(), "evergrant-redis-test-"));
    const server = await start({ dir, args: ["--appendonly", "yes", "--appendfsync", "always"] });
    await connect(server).set("key", "value");
    await server.kill();
    await server.restart();
    expect(await connect(server).get("key")).toBe("value");
    await server.stop();
    await rm(dir, { recursive: true });
  });

  test("frozen it accepts and does not answer; thawed it does", async () => {
    const server = await start();
    const client = connect(server);
    await client.ping();
    server.freeze();
    await expect(client.ping()).rejects.toThrow("timed out");
    server.thaw();
    await expect.poll(() => connect(server).ping()).toBe("PONG");
  });

  test("on a taken port it fails, instead of passing off the other server as its own", async () => {
    const { port } = await start();
    await expect(startRedisServer({ port })).rejects.toThrow(`did not start on port ${port}`);
  });

  test("wrong arguments are told with the server's own words", async () => {
    await expect(startRedisServer({ args: ["--no-such-option", "1"] })).rejects.toThrow("no-such-option");
  });
});
