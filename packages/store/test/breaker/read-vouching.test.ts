import { afterAll, beforeAll, expect, test } from "vitest";
import { readVouching } from "../../src/index.ts";
import { openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows } from "./breaker-rows.ts";

const shares = { rejectedShare: 0.1, acceptedShare: 0.8, acceptedForMs: 86_400_000 };

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(() => opened.close());

test("while the table of tokens is being loaded from a backup, nothing that was refused is believed", async () => {
  const { store } = opened;
  await breakerRows(opened).refused("a");
  expect(await readVouching(store, { connectionId: "a", secretId: null }, shares)).toMatchObject({ isSetBack: false });
  await store.prisma.tokenSet.delete({ where: { connectionId: "a" } });
  expect(await readVouching(store, { connectionId: "a", secretId: null }, shares)).toMatchObject({ isSetBack: true });
});
