import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLifecycle, createLogger } from "../src/index.ts";

afterEach(() => vi.useRealTimers());

function setUp({ graceMs = 60_000 } = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    app: "worker",
    level: "trace",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const signals = new EventEmitter();
  const exit = vi.fn();
  const lifecycle = createLifecycle({ logger, signals, graceMs, exit });
  void lifecycle.start();
  return { lifecycle, logger, signals, exit, lines, exited: () => vi.waitFor(() => expect(exit).toHaveBeenCalled()) };
}

describe("a stop", () => {
  it("goes backwards, one step after the other", async () => {
    const { lifecycle, signals, exit, exited } = setUp();
    const order: string[] = [];
    for (const name of ["database", "queue", "worker"]) {
      lifecycle.add(name, async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
      });
    }
    signals.emit("SIGTERM");
    expect(lifecycle.isStopping).toBe(true);
    await exited();
    const expected = ["worker begins", "worker ends", "queue begins", "queue ends", "database begins", "database ends"];
    expect(order).toEqual(expected);
    expect(exit.mock.calls).toEqual([[0]]);
  });

  it("happens once, however often it is asked for", async () => {
    const { lifecycle, signals, exit, exited } = setUp();
    const stop = vi.fn();
    lifecycle.add("worker", stop);
    signals.emit("SIGINT");
    signals.emit("SIGTERM");
    expect(await lifecycle.stop("done")).toBe(0);
    await exited();
    expect(stop).toHaveBeenCalledTimes(1);
    expect(exit.mock.calls).toEqual([[0]]);
  });

  it("that the app itself asks for does not end the process: main still has its code to say", async () => {
    const { lifecycle, exit, signals } = setUp();
    expect(await lifecycle.stop("the time is up")).toBe(0);
    expect(exit).not.toHaveBeenCalled();
    expect(signals.eventNames()).toEqual([]);
  });

  it("goes on after a step that fails, and ends with 1", async () => {
    const { lifecycle, signals, exit, exited, lines } = setUp();
    const database = vi.fn();
    lifecycle.add("database", database);
    lifecycle.add("queue", () => Promise.reject(new Error("no answer")));
    signals.emit("SIGTERM");
    await exited();
    expect(database).toHaveBeenCalled();
    expect(exit.mock.calls).toEqual([[1]]);
    expect(lines).toContainEqual(expect.objectContaining({ level: "error", step: "queue" }));
  });

  it("takes with it what is added meanwhile or afterwards", async () => {
    const { lifecycle } = setUp();
    const during = vi.fn();
    const after = vi.fn();
    lifecycle.add("database", () => undefined);
    lifecycle.add("worker", () => lifecycle.add("late", during));
    await lifecycle.stop("done");
    expect(during).toHaveBeenCalledTimes(1);
    lifecycle.add("too late", after);
    expect(after).toHaveBeenCalledTimes(1);
  });

  it("is never cut short after a signal; the log keeps naming what it waits for", async () => {
    vi.useFakeTimers();
    const { lifecycle, signals, exit, lines } = setUp({ graceMs: 1_000 });
    let finish = () => {};
    lifecycle.add("database", () => undefined);
    lifecycle.add("requests in flight", () => new Promise<void>((resolve) => (finish = resolve)));
    signals.emit("SIGTERM");
    await vi.advanceTimersByTimeAsync(3_500);
    signals.emit("SIGTERM");
    await vi.advanceTimersByTimeAsync(0);
    expect(exit).not.toHaveBeenCalled();
    const reminders = lines.filter((line) => line.level === "warn");
    expect(reminders.map((line) => line.waitingFor)).toEqual(Array(3).fill("requests in flight"));
    finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(exit.mock.calls).toEqual([[0]]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an error that nobody caught", () => {
  it.each(["uncaughtException", "unhandledRejection"])(
    "(%s) is logged as fatal and ends in order with 1",
    async (event) => {
      const { lifecycle, signals, exit, exited, lines } = setUp();
      const stop = vi.fn();
      lifecycle.add("worker", stop);
      signals.emit(event, new Error("a bug"));
      await exited();
      expect(stop).toHaveBeenCalled();
      expect(exit.mock.calls).toEqual([[1]]);
      expect(lines[0]).toMatchObject({ level: "fatal", err: { message: "a bug" } });
    },
  );

  it("during a stop does not shorten it, but makes its code 1", async () => {
    const { lifecycle, signals, exit, exited } = setUp();
    const database = vi.fn(async () => expect(exit).not.toHaveBeenCalled());
    lifecycle.add("database", database);
    lifecycle.add("worker", () => void signals.emit("uncaughtException", new Error("a bug")));
    signals.emit("SIGTERM");
    await exited();
    expect(database).toHaveResolved();
    expect(exit.mock.calls).toEqual([[1]]);
  });

  it("ends the process after the grace time, though a step never ends", async () => {
    vi.useFakeTimers();
    const { lifecycle, signals, exit, lines } = setUp({ graceMs: 1_000 });
    lifecycle.add("worker", () => new Promise(() => {}));
    signals.emit("unhandledRejection", "not even an error");
    await vi.advanceTimersByTimeAsync(999);
    expect(exit).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(exit.mock.calls).toEqual([[1]]);
    expect(lines).toContainEqual(expect.objectContaining({ level: "fatal", waitingFor: "worker" }));
  });
});

describe("a start", () => {
  it("that fails stops in order what had begun, and only then hands the error on", async () => {
    const { exit, logger } = setUp();
    const lifecycle = createLifecycle({ logger, signals: new EventEmitter(), graceMs: 60_000, exit });
    const order: string[] = [];
    const startUp = async () => {
      lifecycle.add("worker", () => void order.push("worker stopped"));
      throw new Error("the port is taken");
    };
    await lifecycle.start(startUp).catch((error: Error) => order.push(error.message));
    expect(order).toEqual(["worker stopped", "the port is taken"]);
    expect(exit).not.toHaveBeenCalled();
  });

  it("that is interrupted ends with 0, whatever becomes of it", async () => {
    const { exit, logger, exited } = setUp();
    const signals = new EventEmitter();
    const lifecycle = createLifecycle({ logger, signals, graceMs: 60_000, exit });
    const started = lifecycle.start(async () => {
      signals.emit("SIGTERM");
      await exited();
      throw new Error("the database was closed under me");
    });
    await expect(started).rejects.toThrow();
    expect(exit.mock.calls).toEqual([[0]]);
  });

  it("that happens twice listens once", () => {
    const { lifecycle, signals } = setUp();
    void lifecycle.start();
    for (const event of signals.eventNames()) expect(signals.listenerCount(event)).toBe(1);
  });
});
