import type { Settlement, SettleResult } from "@evergrant/store";
import { expect, test, vi } from "vitest";
import { settleSafely } from "../../src/escrow/settle-safely.ts";
import { anEscrow, aSettlement } from "./a-settlement.ts";

const away = new Error("the database is away");
const refused = new Error("the row is refused");

function run(
  settlements: readonly Settlement[],
  write: (rows: readonly Settlement[]) => Promise<readonly SettleResult[]>,
  over: { escrow?: ReturnType<typeof anEscrow>; isStopping?: () => boolean } = {},
) {
  const escrow = over.escrow ?? anEscrow();
  const unsafe: unknown[] = [];
  const results = settleSafely(settlements, {
    write,
    isRefusal: (error) => error === refused,
    isTimeout: () => false,
    onWaiting: () => {},
    onUnsafe: (error) => unsafe.push(error),
    isStopping: over.isStopping ?? (() => false),
    escrow,
  });
  return { escrow, results, unsafe };
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
