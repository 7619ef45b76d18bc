import { consumeRefreshes, type RefreshConsumer } from "@evergrant/queue";
import { withClient } from "@evergrant/testkit";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { connectionIdOf } from "../src/refresh-job.ts";
import { describeOnBothBackends, openQueuePlace, type QueuePlace, recordingHandler } from "./backend-under-test.ts";

const anyId = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ minLength: 1 }),
  fc.constantFrom("__proto__", "a\u0000b", "\ud800", "x".repeat(100_000)),
);
const anyData = fc.oneof(
  fc.jsonValue(),
  fc.record({ connectionId: fc.oneof(anyId, fc.jsonValue()) }),
  fc.constantFrom(
    undefined,
    JSON.parse('{"__proto__":{"connectionId":"inherited"}}'),
    Object.create({ connectionId: "inherited" }),
  ),
);

describe("the data of a job, whoever wrote it", () => {
  test("is a connection id that the database can be asked for, or a fault that repeats nothing of it", () => {
    fc.assert(
      fc.property(anyData, (data) => {
        const read = attempt(() => connectionIdOf(data));
        if (read instanceof Error) {
          expect(read).toBeInstanceOf(TypeError);
          expect(read.message).toBe("A job in a refresh queue holds no connection id.");
          return;
        }
        expect(read).toBe((data as { connectionId: string }).connectionId);
        expect(Object.hasOwn(data as object, "connectionId")).toBe(true);
        expect(read.length).toBeLessThanOrEqual(256);
        // PostgreSQL refuses NUL in a text, and with it the whole batch of claims.
        expect(read).toMatch(/^[^\p{Cc}\p{Surrogate}]+$/u);
      }),
      { numRuns: 5_000 },
    );
  });

  test("every id that can be imported is one", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.:@/+=~-]{0,127}$/), (id) => {
        expect(connectionIdOf({ connectionId: id })).toBe(id);
      }),
    );
  });
});

/** What a job's data may be where anybody can write: text that is no JSON too. */
const HOSTILE_TEXTS = [
  "",
  "not json",
  "{",
  "\u0000\u0001\u0002",
  "null",
  "[]",
  "7",
  '"text"',
  "{}",
  '{"connectionId":7}',
  '{"connectionId":{"$gt":""}}',
  '{"connectionId":""}',
  '{"connectionId":"a\\u0000b"}',
  '{"connectionId":"\\ud800"}',
  `{"connectionId":"${"x".repeat(200_000)}"}`,
  '{"__proto__":{"connectionId":"polluted"}}',
  '{"constructor":{"prototype":{"connectionId":"polluted"}}}',
  `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
];
/** No JSON at all in Redis; nested too deeply for the driver of PostgreSQL. */
const UNREADABLE = { redis: 3, postgres: 1 };

describeOnBothBackends("jobs that somebody else wrote", (kind) => {
  const app = "app";
  let place: QueuePlace;
  let consumer: RefreshConsumer | undefined;
  beforeAll(async () => {
    place = await openQueuePlace(kind);
  });
  afterEach(() => consumer?.close());
  afterAll(() => place.leave());

  test("cost themselves and nothing else: real ones before and after them are handled", async () => {
    const backend = place.open();
    const queue = backend.openQueue({ name: app, prefix: `{${place.namespace}:${app}}` });
    const add = (connectionId: string) =>
      queue.add("refresh", { connectionId }, { attempts: 1, removeOnComplete: true });
    await add("before");
    for (const text of HOSTILE_TEXTS) {
      const job = await add("replaced");
      await writeData(job.id ?? "", text);
    }
    await add("after");

    const { handled, handle } = recordingHandler();
    const errors: Error[] = [];
    consumer = consumeRefreshes({
      backend,
      appId: app,
      concurrency: 2,
      lockMs: 500,
      handle,
      onError: (error) => errors.push(error),
    });
    await expect.poll(() => handled.toSorted(), { timeout: 20_000 }).toEqual(["after", "before"]);
    await add("much later");
    await expect.poll(() => handled.at(-1), { timeout: 20_000 }).toBe("much later");
    // BullMQ itself cannot read these: they come round once in the time of a lock.
    const left = async () => {
      const { waiting = 0, active = 0 } = await queue.getJobCounts("waiting", "active");
      return waiting + active;
    };
    await expect.poll(left, { timeout: 5_000 }).toBeLessThanOrEqual(UNREADABLE[kind]);
    for (const { message } of errors) expect(message).not.toMatch(/polluted|xxx/);
    expect(({} as Record<string, unknown>).connectionId).toBeUndefined();
    await queue.close();
  });

  /** In PostgreSQL the column takes JSON only; a text that it refuses cannot get there, so its job is removed. */
  async function writeData(jobId: string, text: string): Promise<void> {
    if (kind === "redis") {
      const redis = new Redis(inject("redisUrl") ?? "");
      await redis.hset(`{${place.namespace}:${app}}:${app}:${jobId}`, "data", text);
      redis.disconnect();
      return;
    }
    await withClient(place.databaseUrl, async (client) => {
      const written = await client
        .query("UPDATE evergrant_queue.job SET data = $1 WHERE id = $2", [text, jobId])
        .then((result) => result.rowCount === 1)
        .catch(() => false);
      if (!written) await client.query("DELETE FROM evergrant_queue.job WHERE id = $1", [jobId]);
    });
  }
});

function attempt<Value>(action: () => Value): Value | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}
