import { consumeRefreshes, type QueueBackend, RefreshQueues } from "@evergrant/queue";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  describeOnBothBackends,
  GatedHandler,
  openQueuePlace,
  type QueuePlace,
  recordingHandler,
} from "./backend-under-test.ts";

describeOnBothBackends("offers and urgent requests", (kind) => {
  let place: QueuePlace;
  let backend: QueueBackend;
  let queues: RefreshQueues;
  let app: string;
  let appCount = 0;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    place = await openQueuePlace(kind);
    backend = place.open();
    queues = new RefreshQueues(backend);
  });
  beforeEach(() => {
    appCount += 1;
    app = `app-${appCount}`;
  });
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
    expect(place.errors).toEqual([]);
  });
  afterAll(async () => {
    await queues.close();
    await place.leave();
  });

  function consume(handle: GatedHandler["handle"], concurrency = 1): void {
    const onError = (error: Error) => place.errors.push(error);
    closers.push(consumeRefreshes({ backend, appId: app, concurrency, lockMs: 30_000, handle, onError }).close);
  }
  const hints = (...ids: string[]) => ids.map((connectionId) => ({ connectionId, priority: 100 }));
  const waiting = async () => (await queues.depth(app)).waiting;

  test("a connection offered twice waits once", async () => {
    await queues.offer(app, hints("a", "b", "a"));
    await queues.offer(app, hints("b", "c"));
    expect(await waiting()).toBe(3);
  });

  test("a connection can be offered again as soon as its refresh is done", async () => {
    const { handled, handle } = recordingHandler();
    consume(handle);
    for (let round = 1; round <= 3; round += 1) {
      await queues.offer(app, hints("a"));
      await expect.poll(() => handled.length).toBe(round);
      await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
    }
  });

  test("an offer while the refresh runs makes no second job", async () => {
    const handler = new GatedHandler();
    consume(handler.handle, 5);
    await queues.offer(app, hints("a"));
    await expect.poll(() => handler.running).toEqual(["a"]);
    await queues.offer(app, hints("a"));
    expect(await queues.depth(app)).toEqual({ waiting: 0, active: 1 });

    handler.end("a");
    await queues.offer(app, hints("sentinel"));
    await expect.poll(() => handler.running).toEqual(["sentinel"]);
    handler.end("sentinel");
    expect(handler.begun).toEqual(["a", "sentinel"]);
  });

  test("the most urgent is refreshed first, equals in the order of the offers", async () => {
    const { handled, handle } = recordingHandler();
    await queues.offer(app, [
      { connectionId: "late", priority: 2_000_000 },
      { connectionId: "second", priority: 7 },
      { connectionId: "third", priority: 7 },
      { connectionId: "first", priority: 1 },
    ]);
    await queues.offer(app, [{ connectionId: "fourth", priority: 7 }]);
    consume(handle);
    await expect.poll(() => handled).toEqual(["first", "second", "third", "fourth", "late"]);
  });

  test("a priority outside the legal range is moved to its nearest end, so no offer overtakes an urgent request", async () => {
    const { handled, handle } = recordingHandler();
    await queues.offer(app, [
      { connectionId: "huge", priority: 1e12 },
      { connectionId: "first", priority: 1 },
      { connectionId: "negative", priority: -5 },
      { connectionId: "zero", priority: 0 },
      { connectionId: "fraction", priority: 1.9 },
    ]);
    await queues.urge(app, "urged");
    consume(handle);
    await expect.poll(() => handled).toEqual(["urged", "first", "negative", "zero", "fraction", "huge"]);
    await expect(queues.offer(app, [{ connectionId: "a", priority: Number.NaN }])).rejects.toThrow(RangeError);
  });

  test("an urged connection goes before all offered ones, whether it waited or not", async () => {
    const { handled, handle } = recordingHandler();
    await queues.offer(app, [...hints("a", "b", "c"), { connectionId: "top", priority: 1 }]);
    expect(await queues.urge(app, "new")).toBe("added");
    expect(await queues.urge(app, "b")).toBe("raised");
    expect(await waiting()).toBe(5);
    consume(handle);
    await expect.poll(() => handled).toEqual(["new", "b", "top", "a", "c"]);
  });

  test("urging again keeps the place in the line of the urged", async () => {
    const { handled, handle } = recordingHandler();
    await queues.urge(app, "a");
    await queues.urge(app, "b");
    expect(await queues.urge(app, "a")).toBe("raised");
    consume(handle);
    await expect.poll(() => handled).toEqual(["a", "b"]);
  });

  test("urging a connection in hand changes nothing and says so", async () => {
    const handler = new GatedHandler();
    consume(handler.handle, 5);
    await queues.offer(app, hints("a"));
    await expect.poll(() => handler.running).toEqual(["a"]);
    expect(await queues.urge(app, "a")).toBe("running");
    expect(await queues.depth(app)).toEqual({ waiting: 0, active: 1 });
    handler.end("a");
  });

  test("many urging one connection at once make one job", async () => {
    const urged = await Promise.all(Array.from({ length: 20 }, () => queues.urge(app, "a")));
    expect(urged.filter((what) => what === "added")).toHaveLength(1);
    expect(await queues.depth(app)).toEqual({ waiting: 1, active: 0 });
  });

  test("depth counts offered, urged and running ones, in a paused queue too", async () => {
    const handler = new GatedHandler();
    await queues.offer(app, hints("a"));
    consume(handler.handle);
    await expect.poll(() => handler.running).toEqual(["a"]);
    await queues.offer(app, hints("b", "c"));
    await queues.urge(app, "d");
    expect(await queues.depth(app)).toEqual({ waiting: 3, active: 1 });
    await queues.pause(app);
    expect(await queues.depth(app)).toEqual({ waiting: 3, active: 1 });
    handler.end("a");
  });

  test("an offer of thousands arrives whole", async () => {
    await queues.offer(app, hints(...Array.from({ length: 1_234 }, (_, index) => `c${index}`)));
    expect(await waiting()).toBe(1_234);
    await queues.offer(app, []);
    expect(await waiting()).toBe(1_234);
  });

  test("apps share nothing, whatever they are called", async () => {
    const apps = ["tick", "@tick", "a:b", "{a}", "a b", "Größe/1"];
    for (const appId of apps) await queues.offer(appId, hints("same"));
    await queues.offer("a:b", hints("other"));
    expect(await Promise.all(apps.map(async (appId) => (await queues.depth(appId)).waiting))).toEqual([
      1, 1, 2, 1, 1, 1,
    ]);
    await expect(queues.offer("", hints("a"))).rejects.toThrow("empty");
  });

  test("a job holds the connection's id and nothing else", async () => {
    await queues.offer(app, hints("a"));
    await queues.urge(app, "b");
    const jobs = await backend.openQueue({ name: app, prefix: `{${place.namespace}:${app}}` }).getJobs();
    expect(jobs.map((job) => job.data).sort()).toEqual([{ connectionId: "a" }, { connectionId: "b" }]);
    expect(jobs.map((job) => job.name)).toEqual(["refresh", "refresh"]);
  });
});
