import type { Claim, Settlement, SettleResult } from "@evergrant/store";
import { expect, test } from "vitest";
import type { WaitingSettlement } from "../../src/escrow/settlement-text.ts";
import { createTakeOver } from "../../src/escrow/take-over.ts";
import { aSettlement } from "./a-settlement.ts";

const OURS = "6f1c2a3e-0000-4000-8000-00000000000f";
const claim = { intentId: OURS, generation: 7, connection: { id: "acme" } } as Claim;

function takeOver(
  waiting: readonly WaitingSettlement[],
  { complete = true, fails = false, awaited = [] as readonly string[], sawAwaited = true } = {},
) {
  const written: Settlement[] = [];
  const removed: string[] = [];
  const looks: string[] = [];
  const answer = createTakeOver({
    escrow: {
      readAwaited: async (requests) => {
        looks.push("awaited");
        const isAwaited = requests.map(({ connectionId, generation }) =>
          awaited.includes(`${connectionId} ${generation}`),
        );
        return { awaited: isAwaited, complete: sawAwaited };
      },
      readAll: async () => {
        looks.push("waiting");
        return { waiting, complete, faults: [] };
      },
      remove: async (ids) => void removed.push(...ids),
    },
    write: async (rows): Promise<SettleResult[]> => {
      if (fails) throw new Error("the database is away");
      written.push(...rows);
      return rows.map(() => "settled");
    },
    isRefusal: () => false,
    onSettled: () => {},
    onHomeless: () => {},
    onError: () => {},
    now: () => 10_000,
  })([claim]);
  return answer.then(([verdict]) => ({ verdict, written, removed, looks }));
}

test("what a lost worker left in the escrow ends the refresh in the name of the new claim", async () => {
  const left = aSettlement();
  const { verdict, written, removed } = await takeOver([{ settlement: left, putAt: 4_000 }]);
  expect(verdict).toBe("settled");
  expect(written).toMatchObject([{ intentId: OURS, generation: 7, outcome: "rotated" }]);
  expect(written[0]?.decision.events).toEqual([{ kind: "settled_from_escrow", waitedMs: 6_000 }]);
  expect(removed).toEqual([left.intentId]);
});

test("the last of several that presented the current token is taken", async () => {
  const first = aSettlement({ intentId: "1" });
  const last = aSettlement({ intentId: "2", durationMs: 99 });
  const { written, removed } = await takeOver([
    { settlement: last, putAt: 5_000 },
    { settlement: first, putAt: 4_000 },
  ]);
  expect(written).toMatchObject([{ durationMs: 99 }]);
  expect(removed).toEqual(["2"]);
});

test("a rotation is taken before a failure of another worker's, however lately that was put again", async () => {
  const rotation = aSettlement({ intentId: "1" });
  const failure = aSettlement({ intentId: "2", outcome: "unavailable", tokens: null });
  const { written, removed } = await takeOver([
    { settlement: rotation, putAt: 4_000 },
    { settlement: failure, putAt: 5_000 },
  ]);
  expect(written).toMatchObject([{ outcome: "rotated" }]);
  expect(removed).toEqual(["1"]);
});

test.each([
  ["another connection's", aSettlement({ connectionId: "other" })],
  ["an older generation's", aSettlement({ generation: 6 })],
])("%s settlement says nothing about this one", async (_, settlement) => {
  const { verdict, written } = await takeOver([{ settlement, putAt: 4_000 }]);
  expect([verdict, written]).toEqual(["nothing", []]);
});

test("while a part of the escrow cannot be looked into, nobody is told that nothing waits", async () => {
  expect((await takeOver([], { complete: false })).verdict).toBe("unreadable");
});

test("a refresh whose answer is still awaited by a worker without its database is nobody else's", async () => {
  const { verdict, written } = await takeOver([], { awaited: ["acme 7"] });
  expect([verdict, written]).toEqual(["awaited", []]);
  expect((await takeOver([], { awaited: ["acme 6", "other 7"] })).verdict).toBe("nothing");
});

test("an answer that has come meanwhile is taken, whoever says that it is awaited", async () => {
  const { verdict, looks } = await takeOver([{ settlement: aSettlement(), putAt: 1 }], { awaited: ["acme 7"] });
  expect(verdict).toBe("settled");
  // The other way round, one that comes in between would be in neither.
  expect(looks).toEqual(["awaited", "waiting"]);
});

test("a renewal is not taken while another answer is awaited: that one may bring the token's successor", async () => {
  const renewal = { settlement: aSettlement({ outcome: "renewed" }), putAt: 1 };
  const { verdict, written, removed } = await takeOver([renewal], { awaited: ["acme 7"] });
  expect([verdict, written, removed]).toEqual(["awaited", [], []]);
  expect((await takeOver([renewal])).verdict).toBe("settled");
});

test("while nobody can tell what is awaited, nobody is told that nothing is", async () => {
  expect((await takeOver([], { sawAwaited: false })).verdict).toBe("unreadable");
});

test("a settle that fails leaves the entry where it is", async () => {
  const { verdict, removed } = await takeOver([{ settlement: aSettlement(), putAt: 1 }], { fails: true });
  expect([verdict, removed]).toEqual(["unreadable", []]);
});
