import { describe, expect, test } from "vitest";
import type { DuePosition } from "../../src/index.ts";
import type { Bench } from "./scenario-bench.ts";

export function scheduleScenarios(bench: Bench): void {
  const scan = async (appId: string, page: number) => {
    const seen: string[] = [];
    let after: DuePosition | null = null;
    for (;;) {
      const due: readonly DuePosition[] = await bench.under.store.readDue({ appId, after, limit: page });
      seen.push(...due.map(({ connectionId }) => connectionId.slice(appId.length + 1)));
      after = due.at(-1) ?? after;
      if (due.length < page) return seen;
    }
  };

  describe("due connections", () => {
    test("come longest due first, the same due time by id, page by page, each once", async () => {
      const appId = await bench.app();
      for (const [name, dueInMs] of Object.entries({ b: -5, a: -5, e: -1, c: -9, d: 0, later: 1 })) {
        await bench.connections([name], { appId, dueInMs });
      }
      for (const page of [1, 2, 3, 100]) expect(await scan(appId, page)).toEqual(["c", "a", "b", "e", "d"]);
      await bench.under.pass(1);
      expect(await scan(appId, 2)).toEqual(["c", "a", "b", "e", "d", "later"]);
    });

    test("are those of the app that was asked for, and of those in whatever state of their refresh", async () => {
      const appId = await bench.app();
      const [a = ""] = await bench.connections(["a"], { appId });
      await bench.connections(["other"]);
      await bench.claim(a);
      expect(await scan(appId, 10)).toEqual(["a"]);
    });

    test("are no longer due once they are settled, until their next time comes", async () => {
      const appId = await bench.app();
      const [a = ""] = await bench.connections(["a"], { appId });
      await bench.settle(bench.succeed(await bench.claim(a), undefined, { dueAt: bench.under.now() + 60_000 }));
      expect(await scan(appId, 10)).toEqual([]);
      await bench.under.pass(60_000);
      expect(await scan(appId, 10)).toEqual(["a"]);
      await bench.settle(bench.end(await bench.claim(a)));
      expect(await scan(appId, 10)).toEqual([]);
    });
  });

  test("a cursor is kept, and only a sweep renews the time of the last sweep", async () => {
    const appId = await bench.app();
    const read = async () => (await bench.under.store.readAppSchedules()).find((app) => app.appId === appId);
    expect(await read()).toMatchObject({ breakerClosed: true, cursor: null, sweptAt: null, now: bench.under.now() });
    const cursor = { dueAt: bench.under.now(), connectionId: "a" };
    await bench.under.store.saveCursor({ appId, cursor, swept: true });
    const sweptAt = bench.under.now();
    await bench.under.pass(1_000);
    await bench.under.store.saveCursor({ appId, cursor: null, swept: false });
    expect(await read()).toMatchObject({ cursor: null, sweptAt });
    await bench.under.store.saveCursor({ appId, cursor, swept: true });
    expect(await read()).toMatchObject({ cursor, sweptAt: bench.under.now() });
  });
}
