import { expect, test } from "vitest";
import { createAppConsumers } from "../src/app-consumers.ts";

const SOON_MS = 5;

/** Consumers that say what is open, and close when they are told to. */
function consumersOf(appIds: () => Promise<Iterable<string>>) {
  const open = new Set<string>();
  const gates = new Map<string, () => void>();
  const errors: unknown[] = [];
  const consumers = createAppConsumers({
    appIds,
    consume(appId) {
      open.add(appId);
      return {
        close: async () => {
          await new Promise<void>((end) => gates.set(appId, end));
          open.delete(appId);
        },
      };
    },
    onError: (error) => errors.push(error),
    everyMs: SOON_MS,
  });
  return { consumers, open, gates, errors };
}

test("close waits for the refreshes of every app, however long each takes", async () => {
  const { consumers, open, gates } = consumersOf(async () => ["a", "b"]);
  await consumers.start();
  expect([...open]).toEqual(["a", "b"]);
  let isClosed = false;
  const closing = consumers.close().then(() => {
    isClosed = true;
  });
  await expect.poll(() => gates.size).toBe(2);
  gates.get("a")?.();
  await expect.poll(() => [...open]).toEqual(["b"]);
  expect(isClosed).toBe(false);
  gates.get("b")?.();
  await closing;
  expect(open.size).toBe(0);
});

test("an app that appears is taken up, also after a look that failed", async () => {
  let looks = 0;
  const { consumers, open, gates, errors } = consumersOf(async () => {
    looks += 1;
    if (looks === 1) throw new Error("the database is away");
    return ["late"];
  });
  await consumers.start();
  await expect.poll(() => [...open]).toEqual(["late"]);
  expect(errors).toEqual([new Error("the database is away")]);
  const closing = consumers.close();
  await expect.poll(() => gates.size).toBe(1);
  gates.get("late")?.();
  await closing;
});

test("an app that is found while the worker stops is not taken up: nobody would close it", async () => {
  let answer = (_: string[]) => {};
  const { consumers, open } = consumersOf(() => new Promise((resolve) => (answer = resolve)));
  const starting = consumers.start();
  const closing = consumers.close();
  answer(["late"]);
  await Promise.all([starting, closing]);
  expect(open.size).toBe(0);
});
