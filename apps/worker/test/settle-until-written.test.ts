import type { Settlement, SettleResult } from "@evergrant/store";
import { describe, expect, test } from "vitest";
import { settleUntilWritten } from "../src/settle-until-written.ts";

const settlement = (connectionId: string, events: object[] = []) =>
  ({ connectionId, decision: { events } }) as unknown as Settlement;

class Away extends Error {}

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
      isTransient: (error: unknown) => error instanceof Away,
      onWaiting: (_: unknown, waiting: number) => void waits.push(waiting),
    },
  };
}

describe("settlements", () => {
  test("are written again until a database that was away takes them", async () => {
    let tries = 0;
    const { parts, written, waits } = write(() => (++tries < 3 ? new Away() : null));
    expect(await settleUntilWritten([settlement("a"), settlement("b")], parts)).toEqual(["settled", "settled"]);
    expect(written).toHaveLength(2);
    expect(waits).toEqual([2, 2]);
  });

  test("one that the database refuses fails alone; its neighbours are written", async () => {
    const { parts, written } = write((batch) =>
      batch.some((item) => item.connectionId === "bad") ? new Error("refused") : null,
    );
    const results = await settleUntilWritten(
      ["a", "bad", "b"].map((id) => settlement(id)),
      parts,
    );
    expect(results).toEqual(["settled", new Error("refused"), "settled"]);
    expect(written.map((item) => item.connectionId)).toEqual(["a", "b"]);
  });

  test("one whose journal is refused is written without it: the token matters more", async () => {
    const { parts, written } = write((batch) =>
      batch.some((item) => item.decision.events.length > 0) ? new Error("refused") : null,
    );
    expect(await settleUntilWritten([settlement("a", [{}])], parts)).toEqual(["settled"]);
    expect(written[0]?.decision.events).toEqual([]);
  });
});
