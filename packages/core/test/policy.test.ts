import { describe, expect, test } from "vitest";
import { dueAfterFailure, dueAfterImport, dueAfterSuccess, spread, urgency } from "../src/index.ts";
import { connection, DAY, descriptor, failure, HOUR, MINUTE, NOW } from "./samples.ts";

const row = { ...connection, accessTokenExpiresAt: NOW + 30 * MINUTE };

describe("fresh", () => {
  test("is due within the lead and its jitter before expiry, always at the same place for one id", () => {
    const due = dueAfterSuccess(row, descriptor, NOW) ?? 0;
    expect(due).toBeGreaterThanOrEqual(NOW + 20 * MINUTE);
    expect(due).toBeLessThanOrEqual(NOW + 25 * MINUTE);
    expect(dueAfterSuccess(row, descriptor, NOW)).toBe(due);
  });

  test("ten thousand connections imported together do not come back as a herd", () => {
    const perMinute = new Map<number, number>();
    for (let index = 0; index < 10_000; index++) {
      const due = dueAfterSuccess({ ...row, id: `customer-${index}` }, descriptor, NOW) ?? 0;
      const minute = Math.floor((due - NOW) / MINUTE);
      perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
    }
    expect([...perMinute.keys()].sort()).toEqual([20, 21, 22, 23, 24]);
    for (const count of perMinute.values()) expect(count).toBeGreaterThan(1_800);
  });

  test("a short-lived token is refreshed in the second half of its life, not before it was issued", () => {
    const due = dueAfterSuccess({ ...row, accessTokenExpiresAt: NOW + MINUTE }, descriptor, NOW) ?? 0;
    expect(due).toBeGreaterThanOrEqual(NOW + MINUTE / 4);
    expect(due).toBeLessThanOrEqual(NOW + MINUTE / 2);
  });

  test("a grant that would lapse before its access token expires is refreshed before that", () => {
    const due =
      dueAfterSuccess({ ...row, accessTokenExpiresAt: NOW + 30 * DAY, grantExpiresAt: NOW + DAY }, descriptor, NOW) ??
      0;
    expect(due).toBe(NOW + DAY / 2);
  });

  test("an unknown or past expiry is due now", () => {
    expect(dueAfterSuccess({ ...row, accessTokenExpiresAt: null }, descriptor, NOW)).toBe(NOW);
    expect(dueAfterSuccess({ ...row, accessTokenExpiresAt: NOW - HOUR }, descriptor, NOW)).toBe(NOW);
  });
});

describe("keepalive", () => {
  const idle = { ...row, mode: "keepalive" as const, grantExpiresAt: NOW + 100 * DAY };

  test("is due daily, spread by id", () => {
    const due = dueAfterSuccess(idle, descriptor, NOW) ?? 0;
    expect(due).toBeGreaterThanOrEqual(NOW + DAY - 5 * MINUTE);
    expect(due).toBeLessThanOrEqual(NOW + DAY);
  });

  test("is never later than the safety margin before the grant would lapse", () => {
    const due = dueAfterSuccess({ ...idle, grantExpiresAt: NOW + 10 * DAY + HOUR }, descriptor, NOW) ?? 0;
    expect(due).toBeLessThanOrEqual(NOW + 5 * DAY);
    const close = dueAfterSuccess({ ...idle, grantExpiresAt: NOW + HOUR }, descriptor, NOW) ?? 0;
    expect(close).toBeLessThanOrEqual(NOW + HOUR / 2);
  });
});

describe("an import", () => {
  const idle = { ...row, mode: "keepalive" as const, grantExpiresAt: null };

  test("of a grant of unknown age is refreshed within the hour: it may be about to lapse", () => {
    for (let index = 0; index < 100; index++) {
      const due = dueAfterImport({ ...idle, id: `c${index}` }, descriptor, NOW) ?? 0;
      expect(due).toBeGreaterThanOrEqual(NOW);
      expect(due).toBeLessThanOrEqual(NOW + HOUR);
    }
  });

  test("of a grant whose end is known, or in another mode, is due as after a refresh", () => {
    for (const known of [{ ...idle, grantExpiresAt: NOW + 100 * DAY }, row, { ...row, mode: "off" as const }]) {
      expect(dueAfterImport(known, descriptor, NOW)).toBe(dueAfterSuccess(known, descriptor, NOW));
    }
  });
});

test("off is never due", () => {
  expect(dueAfterSuccess({ ...row, mode: "off" }, descriptor, NOW)).toBeNull();
});

describe("after a failure", () => {
  const wait = (failures: number, more = {}, unknownSince: number | null = null) =>
    dueAfterFailure({ id: "acme", unknownSince }, failure("unavailable", more), failures, descriptor, NOW) - NOW;

  test("the wait doubles up to its bound", () => {
    expect(wait(1)).toBeLessThanOrEqual(5_000);
    expect(wait(2)).toBeGreaterThan(wait(1));
    expect(wait(50)).toBeLessThanOrEqual(descriptor.retry.maxMs);
    expect(wait(50)).toBeGreaterThanOrEqual(descriptor.retry.maxMs * 0.75);
  });

  test("Retry-After is honoured, within the hour", () => {
    expect(wait(1, { retryAfterMs: 10 * MINUTE })).toBe(10 * MINUTE);
    expect(wait(1, { retryAfterMs: 90 * DAY })).toBe(HOUR);
  });

  test("while a grace window is open, a try comes before it closes", () => {
    const unknownSince = NOW - 28 * MINUTE;
    expect(wait(50, {}, unknownSince)).toBeLessThan(2 * MINUTE);
    expect(wait(50, { retryAfterMs: HOUR }, unknownSince)).toBeLessThan(2 * MINUTE);
  });

  test("tries near the end of a grace window do not become a loop", () => {
    const unknownSince = NOW - 30 * MINUTE + 1;
    expect(wait(50, {}, unknownSince)).toBeGreaterThanOrEqual(2_500);
  });
});

describe("urgency", () => {
  test("less time left is more urgent; people who wait come before all", () => {
    const at = (leftMs: number) => urgency({ ...row, accessTokenExpiresAt: NOW + leftMs }, NOW);
    expect(at(-HOUR)).toBeLessThan(at(0));
    expect(at(0)).toBeLessThan(at(2 * MINUTE));
    for (const leftMs of [-10_000 * DAY, 0, 10_000 * DAY]) {
      expect(at(leftMs)).toBeGreaterThanOrEqual(10);
      expect(at(leftMs)).toBeLessThan(2 ** 21);
    }
  });

  test("is the same whenever it is asked: what waits longer is not overtaken for ever", () => {
    const expired = { ...row, accessTokenExpiresAt: NOW };
    expect(urgency(expired, NOW + HOUR)).toBe(urgency(expired, NOW - HOUR));
    expect(urgency(expired, NOW)).toBeLessThan(urgency({ ...row, accessTokenExpiresAt: NOW + 5 * MINUTE }, NOW));
  });

  test("a keepalive is as urgent as its grant is near its end", () => {
    const keepalive = (grantExpiresAt: number) =>
      urgency({ mode: "keepalive", accessTokenExpiresAt: NOW - DAY, grantExpiresAt }, NOW);
    expect(keepalive(NOW)).toBe(urgency({ ...row, accessTokenExpiresAt: NOW }, NOW));
    expect(keepalive(NOW + DAY)).toBeGreaterThan(keepalive(NOW + HOUR));
  });
});

test("spread is even for ids that differ in one digit", () => {
  const buckets = new Array<number>(10).fill(0);
  for (let index = 0; index < 10_000; index++) {
    const bucket = Math.floor(spread(`c${index}`) * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
