import type { Settlement, SettleResult } from "@evergrant/store";
import { expect, onTestFinished, test } from "vitest";
import { drainEscrow } from "../../src/escrow/drain-escrow.ts";
import { settleWaiting } from "../../src/escrow/settle-waiting.ts";
import type { WaitingSettlement } from "../../src/escrow/settlement-text.ts";
import { aSettlement } from "./a-settlement.ts";

const refused = new Error("the row is refused");
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
    return rows.map(() => "settled");
  };
  const escrow = {
    readAll: async () => ({ waiting: [...held.values()], complete: true }),
    remove: async (ids: readonly string[]) => {
      for (const id of ids) held.delete(id);
    },
  };
  const draining = drainEscrow({
    escrow,
    settle: (waiting) => settleWaiting(waiting, { escrow, write, onSettled: () => {}, now: () => 10 }),
    isRefusal: (error) => error === refused,
    onError: (error) => errors.push(error),
    everyMs: 5,
  });
  onTestFinished(() => draining.close());
  return { draining, written, errors, left: () => [...held.keys()] };
}

test("what a worker that is gone has left is settled by whoever lives, and forgotten only then", async () => {
  let isAway = true;
  const { written, errors, left } = drain(["a", "b"], () => (isAway ? away : null));
  await expect.poll(() => errors.length).toBeGreaterThan(1);
  expect([left(), written]).toEqual([["a", "b"], []]);
  isAway = false;
  await expect.poll(left).toEqual([]);
  expect(written.toSorted()).toEqual(["a", "b"]);
});

test("one that the database refuses stays, and holds up no other", async () => {
  const isPoisoned = (rows: readonly Settlement[]) => rows.some(({ connectionId }) => connectionId === "poisoned");
  const { draining, written, left } = drain(["a", "poisoned", "b", "c"], (rows) => (isPoisoned(rows) ? refused : null));
  await expect.poll(left).toEqual(["poisoned"]);
  await draining.close();
  expect(written.toSorted()).toEqual(["a", "b", "c"]);
});
