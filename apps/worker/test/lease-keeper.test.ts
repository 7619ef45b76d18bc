import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type AskingLease, type HeldLease, keepLeases } from "../src/lease-keeper.ts";

const leaseMs = 30_000;
const lease: AskingLease = { connectionId: "acme", intentId: "intent", generation: 7 };

/** A refresh in flight, and when each word of its unrenewed lease was given, in ms since its claim. */
function refreshInFlight(renew: () => Promise<ReadonlySet<string>>) {
  const startedAt = Date.now();
  const told: number[] = [];
  const leases = keepLeases({
    leaseMs,
    renew,
    isAlive: async () => true,
    onUnrenewed: (unrenewed) => {
      expect(unrenewed).toEqual([lease]);
      told.push(Date.now() - startedAt);
    },
    onError: () => {},
    monotonicMs: () => Date.now(),
  });
  onTestFinished(() => leases.close());
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const ended = leases.during(lease, startedAt, () => answered);
  const end = () => {
    answer();
    return ended;
  };
  return { told, end };
}

describe("a lease that cannot be renewed is told of before it ends, and as long as its answer is awaited:", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  });

  test("by a database that refuses", async () => {
    const { told, end } = refreshInFlight(() => Promise.reject(new Error("cut off")));
    await vi.advanceTimersByTimeAsync(2 * leaseMs);
    expect(told).toEqual([10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
    await end();
    await vi.advanceTimersByTimeAsync(leaseMs);
    expect(told).toHaveLength(6);
  });

  test("by a database that is silent", async () => {
    const { told } = refreshInFlight(() => new Promise(() => {}));
    await vi.advanceTimersByTimeAsync(leaseMs);
    expect(told).toEqual([20_000, 30_000]);
  });

  test("by somebody who has taken it over before the database was back", async () => {
    const { told, end } = refreshInFlight(async () => new Set());
    await vi.advanceTimersByTimeAsync(leaseMs);
    expect(told).toEqual([10_000, 20_000, 30_000]);
    await end();
    await vi.advanceTimersByTimeAsync(leaseMs);
    expect(told).toHaveLength(3);
  });

  test("and one that is renewed is not spoken of", async () => {
    const { told } = refreshInFlight(async () => new Set(["intent"]));
    await vi.advanceTimersByTimeAsync(2 * leaseMs);
    expect(told).toEqual([]);
  });
});

describe("a lease counts as ours", () => {
  /** Nothing is renewed; the clock stands where the test puts it, and the database takes `answerMs` to answer. */
  function unrenewed(answerMs: readonly number[] = []) {
    let nowMs = 0;
    let asked = 0;
    const leases = keepLeases({
      leaseMs,
      renew: () => new Promise(() => {}),
      isAlive: async () => {
        nowMs += answerMs[asked] ?? 0;
        asked += 1;
        return true;
      },
      onUnrenewed: () => {},
      onError: () => {},
      monotonicMs: () => nowMs,
    });
    onTestFinished(() => leases.close());
    const under = (work: (held: HeldLease) => Promise<void>) => leases.during(lease, 0, work);
    const at = (ms: number) => {
      nowMs = ms;
    };
    return { under, at, asked: () => asked };
  }

  test("for its length from when it was asked for, half a renewal less", async () => {
    const { under, at } = unrenewed();
    await under(async (held) => {
      at(24_999);
      expect(held.surelyHeld()).toBe(true);
      at(25_000);
      expect(held.surelyHeld()).toBe(false);
    });
  });

  test("after a look at the database for the margin that was asked for, and no longer", async () => {
    const { under, at, asked } = unrenewed();
    await under(async (held) => {
      at(100_000);
      expect(held.surelyHeld()).toBe(false);
      expect(await held.stillHeld({ anew: false })).toBe(true);
      expect(asked()).toBe(1);
      at(104_999);
      expect(held.surelyHeld()).toBe(true);
      at(105_000);
      expect(held.surelyHeld()).toBe(false);
    });
  });

  test("only by a fresh answer: one that waited for its reader is asked for again", async () => {
    const { under, asked } = unrenewed([10_000, 9_999]);
    await under(async (held) => expect(await held.stillHeld({ anew: true })).toBe(true));
    expect(asked()).toBe(2);
  });
});
