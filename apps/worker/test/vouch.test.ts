import type { BreakerPolicy, Vouching } from "@evergrant/core";
import { xero } from "@evergrant/providers";
import { expect, test } from "vitest";
import { createVouch } from "../src/vouch.ts";

const HOUR = 3_600_000;
const policy: BreakerPolicy = { ...xero.breaker, rejectedShare: 0.1, vouchWithinMs: 24 * HOUR };
const ending = { connectionId: "acme", appId: "app", firstStrikeAt: 0, now: HOUR, strikes: 20, secretId: null };
const alone: Vouching = { rejected: 1, expected: 0, succeeded: 0, others: 9, isSetBack: false };

function vouchFor(read: () => Promise<Vouching | null>, limits: BreakerPolicy | null = policy) {
  const errors: unknown[] = [];
  const vouch = createVouch({ policy: async () => limits, read, onError: (error) => errors.push(error) });
  return { vouch, errors };
}

test("a grant ends when the app's other connections were refreshed since its first refusal, and not before", async () => {
  expect(await vouchFor(async () => alone).vouch(ending)).toBe(false);
  expect(await vouchFor(async () => ({ ...alone, succeeded: 9 })).vouch(ending)).toBe(true);
});

test("a grant ends when there is nothing to wait for, as when its refusal was accepted", async () => {
  expect(await vouchFor(async () => null).vouch(ending)).toBe(true);
});

test("a grant does not end while this worker does not know its app", async () => {
  expect(await vouchFor(async () => null, null).vouch(ending)).toBe(false);
});

test("many endings at once are looked at one after the other, and those that come too late are held", async () => {
  let underWay = 0;
  let most = 0;
  let looks = 0;
  const { vouch } = vouchFor(async () => {
    underWay += 1;
    looks += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 50));
    underWay -= 1;
    return null;
  });
  const answers = await Promise.all(Array.from({ length: 200 }, () => vouch(ending)));
  expect(most).toBe(1);
  expect(looks).toBeLessThan(100);
  expect(answers.filter(Boolean).length).toBeGreaterThan(0);
  expect(answers.filter((mayEnd) => !mayEnd).length).toBeGreaterThan(100);
});

test("nobody waits for ever: after a day the provider is believed", async () => {
  const { vouch } = vouchFor(async () => alone);
  expect(await vouch({ ...ending, now: 24 * HOUR - 1 })).toBe(false);
  expect(await vouch({ ...ending, now: 24 * HOUR })).toBe(true);
});

test("a day in which the grant was hardly ever refused does not count: the fleet may have been down", async () => {
  const { vouch } = vouchFor(async () => alone);
  expect(await vouch({ ...ending, now: 72 * HOUR, strikes: 7 })).toBe(false);
  expect(await vouch({ ...ending, now: 72 * HOUR, strikes: 8 })).toBe(true);
});

test("while the rows cannot be read no grant ends", async () => {
  const { vouch, errors } = vouchFor(() => Promise.reject(new Error("the database is away")));
  expect(await vouch(ending)).toBe(false);
  expect(errors).toMatchObject([{ message: "the database is away" }]);
});

test("a look that hangs keeps a settle waiting for a second, and ends no grant", async () => {
  const { vouch, errors } = vouchFor(() => new Promise(() => {}));
  // Only the look's own limit ends this.
  expect(await vouch(ending)).toBe(false);
  expect(errors).toEqual([]);
});
