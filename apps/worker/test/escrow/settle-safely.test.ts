import type { Settlement, SettleResult } from "@evergrant/store";
import { expect, onTestFinished, test, vi } from "vitest";
import { settleSafely } from "../../src/escrow/settle-safely.ts";
import { anEscrow, aSettlement } from "./a-settlement.ts";

const away = new Error("the database is away");
const refused = new Error("the row is refused");
const held = new Error("somebody holds the row");
const other = { connectionId: "other", intentId: "6f1c2a3e-0000-4000-8000-000000000002" };

function run(
  settlements: readonly Settlement[],
  write: (rows: readonly Settlement[]) => Promise<readonly SettleResult[]>,
  over: { escrow?: ReturnType<typeof anEscrow>; isStopping?: () => boolean; letGoAfterMs?: number } = {},
) {
  const escrow = over.escrow ?? anEscrow();
  const unsafe: unknown[] = [];
  const late: unknown[] = [];
  const { results: each, done } = settleSafely(settlements, {
    write,
    isRefusal: (error) => error === refused,
    isTimeout: (error) => error === held,
    onWaiting: () => {},
    onUnsafe: (error) => unsafe.push(error),
    onLate: (_, result) => late.push(result),
    isStopping: over.isStopping ?? (() => false),
    letGoAfterMs: over.letGoAfterMs ?? 600_000,
    escrow,
  });
  const results = Promise.all(each.map((result) => result.catch((error: unknown) => error)));
  return { escrow, each, done, results, unsafe, late };
}

const settled = async (rows: readonly Settlement[]): Promise<SettleResult[]> => rows.map(() => "settled");

test("a settle that the database takes at once never sees the escrow", async () => {
  const { escrow, results } = run([aSettlement()], settled);
  expect(await results).toEqual(["settled"]);
  expect(escrow.puts).toBe(0);
});

test("a settle that fails once is in the escrow before it is tried again, and leaves it when it is written", async () => {
  const escrow = anEscrow();
  const seen: number[] = [];
  const { results } = run(
    [aSettlement()],
    async (rows) => {
      seen.push(escrow.held.size);
      if (seen.length === 1) throw away;
      return settled(rows);
    },
    { escrow },
  );
  expect(await results).toEqual(["settled"]);
  expect(seen).toEqual([0, 1]);
  expect(escrow.held.size).toBe(0);
});

test("a settle that hangs is put aside while it hangs", async () => {
  vi.useFakeTimers();
  const escrow = anEscrow();
  let answer = (_: SettleResult[]) => {};
  const { results } = run([aSettlement()], () => new Promise((resolve) => (answer = resolve)), { escrow });
  await vi.advanceTimersByTimeAsync(999);
  expect(escrow.held.size).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(escrow.held.size).toBe(1);
  answer(["settled"]);
  expect(await results).toEqual(["settled"]);
  expect(escrow.held.size).toBe(0);
  vi.useRealTimers();
});

test("one that is written while it is being put aside leaves the escrow all the same", async () => {
  const escrow = anEscrow();
  const put = escrow.put.bind(escrow);
  let goOn = () => {};
  const slow = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let hasArrived: Promise<void> | undefined;
  escrow.put = (some) => {
    hasArrived = slow.then(() => put(some));
    return hasArrived;
  };
  let tries = 0;
  const { results, done } = run(
    [aSettlement()],
    async (rows) => {
      tries += 1;
      if (tries === 1) throw away;
      setTimeout(goOn, 0);
      return settled(rows);
    },
    { escrow },
  );
  expect(await results).toEqual(["settled"]);
  await Promise.all([done, hasArrived]);
  expect([escrow.puts, escrow.held.size]).toEqual([1, 0]);
});

test("on a stop, what is safe in the escrow is left to others", async () => {
  let stopping = false;
  const escrow = anEscrow();
  const { results } = run(
    [aSettlement()],
    async () => {
      if (escrow.held.size > 0) stopping = true;
      throw away;
    },
    { escrow, isStopping: () => stopping },
  );
  expect(await results).toEqual(["escrowed"]);
  expect(escrow.held.size).toBe(1);
});

test("on a stop, what was in an escrow that has been emptied since is put there once more before it is let go", async () => {
  let stopping = false;
  const escrow = anEscrow();
  const { results } = run(
    [aSettlement()],
    async () => {
      if (escrow.held.size > 0) {
        escrow.held.clear();
        stopping = true;
      }
      throw away;
    },
    { escrow, isStopping: () => stopping },
  );
  expect(await results).toEqual(["escrowed"]);
  expect(escrow.held.size).toBe(1);
});

test("on a stop, what the escrow does not take either is not let go of", async () => {
  const escrow = anEscrow();
  escrow.refuses = true;
  let tries = 0;
  const { results, unsafe } = run(
    [aSettlement()],
    async (rows) => {
      tries += 1;
      if (tries < 4) throw away;
      return settled(rows);
    },
    { escrow, isStopping: () => true },
  );
  expect(await results).toEqual(["settled"]);
  expect(tries).toBe(4);
  expect(unsafe.length).toBeGreaterThanOrEqual(2);
});

test("a token set whose row the database refuses stays in the escrow, its neighbours are written", async () => {
  const poisoned = aSettlement({ connectionId: "poisoned", intentId: "6f1c2a3e-0000-4000-8000-000000000002" });
  const { escrow, results } = run([aSettlement(), poisoned], async (rows) => {
    if (rows.some(({ connectionId }) => connectionId === "poisoned")) throw refused;
    return settled(rows);
  });
  expect(await results).toEqual(["settled", refused]);
  expect([...escrow.held.keys()]).toEqual([poisoned.intentId]);
});

test("a token set that is refused while the escrow takes nothing is kept by this process until one of them does", async () => {
  const escrow = anEscrow();
  escrow.refuses = true;
  let tries = 0;
  const refuses = async () => {
    tries += 1;
    if (tries === 3) escrow.refuses = false;
    throw refused;
  };
  const { results, unsafe } = run([aSettlement()], refuses, { escrow, isStopping: () => true });
  expect(await results).toEqual([refused]);
  expect(tries).toBeGreaterThanOrEqual(3);
  expect(unsafe.length).toBeGreaterThanOrEqual(2);
  expect(escrow.held.size).toBe(1);
});

test("a refused failure is no loss, and nobody waits for its place", async () => {
  const escrow = anEscrow();
  escrow.refuses = true;
  const failure = aSettlement({ outcome: "unavailable", tokens: null });
  escrow.hasPlace = false;
  const refuses = async () => Promise.reject(refused);
  expect(await run([failure], refuses, { escrow }).results).toEqual([refused]);
});

test("a settle that hangs is put aside a second later again, while the escrow is away", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const escrow = anEscrow();
  escrow.refuses = true;
  run([aSettlement()], () => new Promise(() => {}), { escrow });
  await vi.advanceTimersByTimeAsync(2_500);
  expect([escrow.puts, escrow.held.size]).toEqual([2, 0]);
  escrow.refuses = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([escrow.puts, escrow.held.size]).toEqual([3, 1]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(escrow.puts).toBe(3);
});

test("one whose row somebody holds keeps no neighbour's refresh waiting, and is alone in the escrow", async () => {
  let isHeld = true;
  const { escrow, each, results } = run([aSettlement(), aSettlement(other)], async (rows) => {
    if (isHeld && rows.some(({ connectionId }) => connectionId === "other")) throw held;
    return settled(rows);
  });
  expect(await each[0]).toBe("settled");
  await expect.poll(() => [...escrow.held.keys()]).toEqual([other.intentId]);
  isHeld = false;
  expect(await results).toEqual(["settled", "settled"]);
  expect(escrow.held.size).toBe(0);
});

test("what is safe in the escrow lets its refresh go after a while, and is written when the database is back", async () => {
  let isAway = true;
  const { escrow, results, done, late } = run(
    [aSettlement()],
    async (rows) => {
      if (isAway) throw away;
      return settled(rows);
    },
    { letGoAfterMs: 20 },
  );
  expect(await results).toEqual(["escrowed"]);
  expect(escrow.held.size).toBe(1);
  isAway = false;
  await done;
  expect(late).toEqual(["settled"]);
  expect(escrow.held.size).toBe(0);
});

test("what the escrow does not take either is never let go of", async () => {
  const escrow = anEscrow();
  escrow.refuses = true;
  let tries = 0;
  const write = async (rows: readonly Settlement[]) => {
    tries += 1;
    if (tries < 4) throw away;
    return settled(rows);
  };
  const { results } = run([aSettlement()], write, { escrow, letGoAfterMs: 1 });
  expect(await results).toEqual(["settled"]);
});

test("a token set whose connection is missing stays in the escrow; a failure without one is forgotten", async () => {
  const failure = aSettlement({ ...other, outcome: "unavailable", tokens: null });
  const { escrow, results } = run([aSettlement(), failure], async (rows) => rows.map(() => "missing"));
  expect(await results).toEqual(["missing", "missing"]);
  expect([...escrow.held.keys()]).toEqual([aSettlement().intentId]);
});
