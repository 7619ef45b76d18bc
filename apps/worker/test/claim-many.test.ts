import type { Claim } from "@evergrant/store";
import { expect, test } from "vitest";
import { claimMany } from "../src/claim-many.ts";

const refused = new Error("the row is refused");

function claimWith(failing: (ids: readonly string[]) => Error | null) {
  const asked: (readonly string[])[] = [];
  let troubles = 0;
  const ask = claimMany({
    claim: async (ids) => {
      asked.push(ids);
      const error = failing(ids);
      if (error !== null) throw error;
      return ids.map((id) => ({ connection: { id } }) as Claim);
    },
    isRefusal: (error) => error === refused,
    onTrouble: () => {
      troubles += 1;
    },
    monotonicMs: () => 7,
  });
  return { asked, ask: (ids: readonly string[]) => Promise.allSettled(ask(ids).results), troubles: () => troubles };
}

test("a row that spoils the claim fails alone, and says nothing of the database", async () => {
  const ids = [..."abcdefghijklmno", "bad"];
  const { ask, asked, troubles } = claimWith((some) => (some.includes("bad") ? refused : null));
  const answers = await ask(ids);
  expect(answers.map(({ status }) => status)).toEqual(ids.map((id) => (id === "bad" ? "rejected" : "fulfilled")));
  expect(answers[0]).toMatchObject({ value: { claim: { connection: { id: "a" } }, askedAt: 7 } });
  expect(asked.length).toBeLessThan(ids.length);
  expect(troubles()).toBe(0);
});

test("a database that is away is asked once, and is trouble", async () => {
  const { ask, asked, troubles } = claimWith(() => new Error("away"));
  expect((await ask(["a", "b"])).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect([asked.length, troubles()]).toEqual([1, 1]);
});

test("a claim counts from before it was asked for, however long the database takes: its lease began in between", async () => {
  let nowMs = 1_000;
  const { results } = claimMany({
    claim: async (ids) => {
      nowMs = 20_000;
      return ids.map((id) => ({ connection: { id } }) as Claim);
    },
    isRefusal: () => false,
    onTrouble: () => {},
    monotonicMs: () => nowMs,
  })(["a"]);
  expect(await results[0]).toMatchObject({ askedAt: 1_000 });
});
