import type { AppSchedule, DueConnection } from "@evergrant/store";
import { describe, expect, test } from "vitest";
import { type TickParts, tick } from "../src/tick.ts";

const NOW = Date.UTC(2026, 10, 21);

function app(over: Partial<AppSchedule> = {}): AppSchedule {
  const idle = {
    breakerClosed: true,
    maxConcurrent: null,
    maxPerSecond: null,
    cursor: null,
    sweptAt: NOW - 1_000,
    now: NOW,
  };
  return { appId: "app", ...idle, ...over };
}

/** Due connections in the order of their due times, one a millisecond, the last due a minute ago. */
function dueRows(count: number): DueConnection[] {
  return Array.from({ length: count }, (_, index) => ({
    connectionId: `c${String(index).padStart(5, "0")}`,
    dueAt: NOW - 60_000 - count + index,
    mode: "fresh",
    accessTokenExpiresAt: NOW + index * 1_000,
    grantExpiresAt: null,
  }));
}

function world(apps: AppSchedule[], rows: DueConnection[], { waiting = 0, probe = null as string | null } = {}) {
  const offered: { connectionId: string; priority: number }[] = [];
  const urged: string[] = [];
  const saved: Parameters<TickParts["saveCursor"]>[0][] = [];
  const errors: string[] = [];
  let reads = 0;
  const parts: TickParts = {
    readAppSchedules: async () => apps,
    readDue: async ({ appId, after, limit }) => {
      reads++;
      if (appId === "broken") throw new Error("refused");
      const rest = rows.filter(
        (row) =>
          after === null ||
          row.dueAt > after.dueAt ||
          (row.dueAt === after.dueAt && row.connectionId > after.connectionId),
      );
      return rest.slice(0, limit);
    },
    saveCursor: async (entry) => void saved.push(entry),
    waiting: async () => waiting,
    offer: async (_, hints) => void offered.push(...hints),
    probe: async (appId) => {
      if (appId === "broken") throw new Error("refused");
      return probe;
    },
    urge: async (appId, connectionId) => void urged.push(`${appId} ${connectionId}`),
    onError: (appId) => void errors.push(appId),
  };
  return { parts, offered, urged, saved, errors, reads: () => reads };
}

const limits = { depth: 2_000, sweepMs: 30_000 };

describe("a tick", () => {
  test("offers what is due, longest due first, nearest to expiry most urgent", async () => {
    const { parts, offered, saved } = world([app()], dueRows(1_200));
    expect(await tick(parts, limits)).toBe(1_200);
    expect(offered.map((hint) => hint.connectionId)).toEqual(dueRows(1_200).map((row) => row.connectionId));
    const priorities = offered.map((hint) => hint.priority);
    expect(priorities).toEqual(priorities.toSorted((one, other) => one - other));
    expect(priorities.at(-1)).toBeGreaterThan(priorities[0] ?? 0);
    expect(saved).toEqual([{ appId: "app", cursor: dueRows(1_200).at(-1), swept: false }]);
  });

  test("offers no more than the workers will eat soon, and goes on there the next time", async () => {
    const { parts, offered, saved } = world([app()], dueRows(1_200), { waiting: 1_700 });
    expect(await tick(parts, limits)).toBe(300);
    const next = world([app({ cursor: saved[0]?.cursor ?? null })], dueRows(1_200), { waiting: 1_700 });
    await tick(next.parts, limits);
    expect(next.offered[0]?.connectionId).toBe(dueRows(1_200)[300]?.connectionId);
    expect(offered).toHaveLength(300);
  });

  test("asks for nothing when the queue is full", async () => {
    const full = world([app()], dueRows(10), { waiting: 2_000 });
    expect(await tick(full.parts, limits)).toBe(0);
    expect(full.reads()).toBe(0);
  });

  test("begins again with the earliest when a sweep is due, so that what a queue lost is found", async () => {
    const cursor = dueRows(5).at(-1) ?? null;
    const { parts, offered, saved } = world([app({ cursor, sweptAt: NOW - 30_000 })], dueRows(5));
    expect(await tick(parts, limits)).toBe(5);
    expect(offered).toHaveLength(5);
    expect(saved[0]?.swept).toBe(true);
  });

  test("keeps its cursor behind the clock, so that a row made due now is not passed over", async () => {
    const row = { ...dueRows(1)[0], connectionId: "a", dueAt: NOW - 10 } as DueConnection;
    const { parts, saved } = world([app()], [row]);
    await tick(parts, limits);
    expect(saved[0]?.cursor).toEqual({ dueAt: NOW - 2_000, connectionId: "" });
  });

  test("offers nothing of an app whose breaker is open but its probe, and begins anew when it has closed", async () => {
    const open = app({ breakerClosed: false, cursor: dueRows(1)[0] ?? null });
    const { parts, offered, urged, saved } = world([open], dueRows(5), { probe: "c00003" });
    expect(await tick(parts, limits)).toBe(1);
    expect(offered).toEqual([]);
    expect(urged).toEqual(["app c00003"]);
    expect(saved).toMatchObject([{ cursor: null }]);
  });

  test("offers nothing at all of an app whose next probe is not due yet", async () => {
    const { parts, offered, urged, saved } = world([app({ breakerClosed: false })], dueRows(5));
    expect(await tick(parts, limits)).toBe(0);
    expect([...offered, ...urged]).toEqual([]);
    expect(saved).toHaveLength(1);
  });

  test("probes no app whose breaker is closed", async () => {
    const { parts, urged } = world([app()], dueRows(5), { probe: "c00003" });
    await tick(parts, limits);
    expect(urged).toEqual([]);
  });

  test("goes on with the other apps when one fails", async () => {
    const { parts, errors, offered } = world([app({ appId: "broken" }), app({ appId: "fine" })], dueRows(3));
    expect(await tick(parts, limits)).toBe(3);
    expect([errors, offered.length]).toEqual([["broken"], 3]);
  });

  test("goes on with the other apps when one cannot be probed", async () => {
    const apps = [app({ appId: "broken", breakerClosed: false }), app({ appId: "fine" })];
    const { parts, errors, offered } = world(apps, dueRows(3), { probe: "c00001" });
    expect(await tick(parts, limits)).toBe(3);
    expect([errors, offered.length]).toEqual([["broken"], 3]);
  });
});
