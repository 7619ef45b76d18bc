import type { Settlement, SettleResult } from "@evergrant/store";
import { expect, onTestFinished, test } from "vitest";
import { drainEscrow } from "../../src/escrow/drain-escrow.ts";
import { settleWaiting } from "../../src/escrow/settle-waiting.ts";
import type { WaitingSettlement } from "../../src/escrow/settlement-text.ts";
import { aSettlement } from "./a-settlement.ts";

const refused = new Error("the row is refused");
const rowHeld = new Error("somebody holds the row");
const away = new Error("the database is away");

/** An escrow that holds settlements, and a database that takes them as told. */
function drain(connectionIds: readonly string[], refuse: (rows: readonly Settlement[]) => Error | null) {
  const held = new Map<string, WaitingSettlement>(
    connectionIds.map((connectionId) => [
      connectionId,
      { putAt: 0, settlement: aSettlement({ connectionId, intentId: connectionId }) },
    ]),
  );
  const written: string[] = [];
  const errors: unknown[] = [];
  const write = async (rows: readonly Settlement[]): Promise<SettleResult[]> => {
    const error = refuse(rows);
    if (error !== null) throw error;
    written.push(...rows.map((row) => row.connectionId));
    return rows.map(({ connectionId }) => (connectionId === "missing" ? "missing" : "settled"));
  };
  const isRefusal = (error: unknown) => error === refused;
  const faults: Error[] = [];
  const escrow = {
    readAll: async () => ({ waiting: [...held.values()], complete: faults.length === 0, faults }),
    remove: async (ids: readonly string[]) => {
      for (const id of ids) held.delete(id);
    },
  };
  const draining = drainEscrow({
    escrow,
    settle: (waiting) =>
      settleWaiting(waiting, { escrow, write, isRefusal, onSettled: () => {}, onHomeless: () => {}, now: () => 10 }),
    isRefusal,
    isTimeout: (error) => error === rowHeld,
    onError: (error) => errors.push(error),
    everyMs: 5,
  });
  onTestFinished(() => draining.close());
  return { draining, written, errors, faults, left: () => [...held.keys()] };
}

test("one whose journal is refused is written without it", async () => {
  const { written, left } = drain(["a"], (rows) =>
    rows.some(({ decision }) => decision.events.length > 0) ? refused : null,
  );
  await expect.poll(left).toEqual([]);
  expect(written).toEqual(["a"]);
});

test("what a worker that is gone has left is settled by whoever lives, and forgotten only then", async () => {
  let isAway = true;
  const { written, errors, left } = drain(["a", "b"], () => (isAway ? away : null));
  await expect.poll(() => errors.length).toBeGreaterThan(1);
  expect([left(), written]).toEqual([["a", "b"], []]);
  isAway = false;
  await expect.poll(left).toEqual([]);
  expect(written.toSorted()).toEqual(["a", "b"]);
});

test.each([
  ["that the database refuses", refused],
  ["whose row somebody holds", rowHeld],
])("one %s stays, and holds up no other", async (_, error) => {
  const isPoisoned = (rows: readonly Settlement[]) => rows.some(({ connectionId }) => connectionId === "poisoned");
  const { draining, written, left } = drain(["a", "poisoned", "b", "c"], (rows) => (isPoisoned(rows) ? error : null));
  await expect.poll(left).toEqual(["poisoned"]);
  await draining.close();
  expect(written.toSorted()).toEqual(["a", "b", "c"]);
});

test("a place that cannot be looked into is told, once while it lasts: until it is mended nobody may take over", async () => {
  const { errors, faults, draining } = drain(["a"], () => null);
  const denied = new Error("permission denied");
  faults.push(denied);
  await expect.poll(() => errors).toEqual([denied]);
  await draining.close();
});

test("a token set whose connection is missing stays: a backup from before its import may have been restored", async () => {
  const { draining, left } = drain(["a", "missing", "b"], () => null);
  await expect.poll(left).toEqual(["missing"]);
  await draining.close();
  expect(left()).toEqual(["missing"]);
});
