import type { Settlement, SettleResult } from "@evergrant/store";
import { describe, expect, test } from "vitest";
import { type SettleParts, settleUntilWritten, type WrittenResult } from "../src/settle-until-written.ts";

const settlement = (connectionId: string, events: object[] = []) =>
  ({ connectionId, decision: { events } }) as unknown as Settlement;

class Away extends Error {}
class Refused extends Error {}
class Held extends Error {}

function write(refuse: (batch: readonly Settlement[]) => Error | null) {
  const written: Settlement[] = [];
  const waits: number[] = [];
  return {
    written,
    waits,
    parts: {
      write: async (batch: readonly Settlement[]): Promise<SettleResult[]> => {
        const refusal = refuse(batch);
        if (refusal !== null) throw refusal;
        written.push(...batch);
        return batch.map(() => "settled");
      },
      isRefusal: (error: unknown) => error instanceof Refused,
      isTimeout: (error: unknown) => error instanceof Held,
      onWaiting: (_: unknown, waiting: number) => void waits.push(waiting),
      mayGiveUp: async () => true,
      mayLetGo: async () => false,
    },
  };
}

/** The results in the order of the settlements. */
async function settleAll(settlements: readonly Settlement[], parts: Omit<SettleParts, "onResults">) {
  const results = new Map<string, WrittenResult>();
  await settleUntilWritten(settlements, {
    ...parts,
    onResults: async (some, theirs) => {
      for (const [index, { connectionId }] of some.entries()) results.set(connectionId, theirs[index] as WrittenResult);
    },
  });
  return settlements.map(({ connectionId }) => results.get(connectionId));
}

const holds = (batch: readonly Settlement[], id: string) => batch.some((item) => item.connectionId === id);
const all = (...ids: string[]) => ids.map((id) => settlement(id));

describe("settlements", () => {
  test.each([
    ["a database that was away", new Away()],
    ["a mistake that somebody mends, such as a changed password", new Error("password authentication failed")],
  ])("are written again until %s takes them", async (_, error) => {
    let tries = 0;
    const { parts, written, waits } = write(() => (++tries < 3 ? error : null));
    expect(await settleAll(all("a", "b"), parts)).toEqual(["settled", "settled"]);
    expect(written).toHaveLength(2);
    expect(waits).toEqual([2, 2]);
  });

  test("one that the database refuses fails alone; its neighbours are written", async () => {
    const { parts, written } = write((batch) => (holds(batch, "bad") ? new Refused("refused") : null));
    const results = await settleAll(all("a", "bad", "b", "c"), parts);
    expect(results).toEqual(["settled", new Refused("refused"), "settled", "settled"]);
    expect(written.map((item) => item.connectionId).sort()).toEqual(["a", "b", "c"]);
  });

  test("one whose row somebody holds waits alone; its neighbours are written meanwhile", async () => {
    let isHeld = true;
    const { parts, written, waits } = write((batch) => (isHeld && holds(batch, "held") ? new Held("timeout") : null));
    const settling = settleAll(all("a", "held", "b", "c"), parts);
    await expect.poll(() => written.map((item) => item.connectionId).sort()).toEqual(["a", "b", "c"]);
    expect(waits.every((waiting) => waiting === 1)).toBe(true);
    isHeld = false;
    expect(await settling).toEqual(["settled", "settled", "settled", "settled"]);
  });

  test("one whose journal is refused is written without it: the token matters more", async () => {
    const refusesJournal = (batch: readonly Settlement[]) => batch.some((item) => item.decision.events.length > 0);
    const { parts, written } = write((batch) => (refusesJournal(batch) ? new Refused("refused") : null));
    expect(await settleAll([settlement("a", [{}])], parts)).toEqual(["settled"]);
    expect(written[0]?.decision.events).toEqual([]);
  });
});
