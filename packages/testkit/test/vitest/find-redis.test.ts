import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";
import { findRedis } from "../../src/vitest/find-redis.ts";

const say = () => {};

test("a REDIS_URL that does not answer fails the run with a line that holds no password", async () => {
  const failure = await findRedis({ redisUrl: "redis://:hunter2@127.0.0.1:1", say }).catch(String);
  expect(failure).toMatch(/^Error: REDIS_URL is set, but no Redis answers there: start it, or unset REDIS_URL\.$/);
});

test.runIf(inject("redisUrl"))("a REDIS_URL that answers is used as it is and left running", async () => {
  const redisUrl = inject("redisUrl") ?? undefined;
  const found = await findRedis({ redisUrl, say });
  await found?.stop();
  const client = new Redis(String(redisUrl));
  expect(await client.ping()).toBe("PONG");
  client.disconnect();
});
