import { describe, expect, test } from "vitest";
import { isOutOfReach } from "../src/audit/find-exposed.ts";
import type { HeldToken } from "../src/audit/holdings.ts";
import { createLosses, type Exposure } from "../src/audit/losses.ts";
import { type Findings, faultsAround, quantiles, reportOf } from "../src/campaign/report.ts";

const touched = (grantId: string) => ({ grantId, connectionId: `c-${grantId}`, fault: 1, kind: "worker killed" });
const exposure = (grantId: string): Exposure => ({ ...touched(grantId), cause: "placed" });
const loss = (grantId: string) => ({ grantId, connectionId: `c-${grantId}`, at: 1_000 });
const ids = (list: readonly { readonly grantId: string }[]) => list.map(({ grantId }) => grantId);

describe("the account of lost grants", () => {
  test("puts each lost grant where it belongs, by its id", () => {
    const losses = createLosses();
    for (const id of ["killed", "alive"]) losses.expose(exposure(id));
    for (const id of ["set back", "killed"]) losses.setBack(touched(id));
    for (const id of ["killed", "set back", "ours"]) losses.lose(loss(id));
    const judged = losses.judge();
    expect(ids(judged.lostByUs)).toEqual(["ours"]);
    expect(ids(judged.lostUnavoidably)).toEqual(["killed"]);
    expect(ids(judged.lostToOperator)).toEqual(["set back"]);
    expect(ids(judged.exposedButAlive)).toEqual(["alive"]);
  });

  test("counts a grant once, under what befell it first", () => {
    const losses = createLosses();
    losses.expose({ ...exposure("a"), fault: 3 });
    losses.expose({ ...exposure("a"), fault: 9, cause: "asleep" });
    losses.lose(loss("a"));
    losses.lose(loss("a"));
    expect(losses.judge().lostUnavoidably).toMatchObject([{ fault: 3, cause: "placed" }]);
  });

  test("explains what befalls a grant from when it was exposed, and in the hands of a sleeper until it woke", () => {
    let now = 100_000;
    const losses = createLosses(() => now);
    losses.expose(exposure("exposed"));
    const endRisk = losses.risk("slept");
    now = 120_000;
    endRisk();
    const explained = (id: string, times: readonly number[]) => times.map((at) => losses.hasExplained(id, at));
    expect(explained("exposed", [90_000, 98_000, 101_000, 900_000])).toEqual([false, true, true, true]);
    expect(explained("slept", [90_000, 98_000, 122_000, 900_000])).toEqual([false, true, true, false]);
    expect(explained("neither", [101_000])).toEqual([false]);
  });

  test("calls an ending false also of a grant that is lost unavoidably later, and counts no grant under both", () => {
    const losses = createLosses();
    for (const id of ["alive", "killed later", "ours"]) losses.endFalsely(loss(id));
    for (const id of ["killed later", "ours"]) losses.lose(loss(id));
    losses.expose(exposure("killed later"));
    const judged = losses.judge();
    expect(ids(judged.falselyEnded)).toEqual(["alive", "killed later"]);
    expect(ids(judged.lostByUs)).toEqual(["ours"]);
  });

  test("keeps the longest time for which an answer that died with a worker was in its memory", () => {
    const losses = createLosses();
    for (const ms of [20, 700, 300]) losses.wasInMemory(ms);
    expect(losses.longestInMemoryMs).toBe(700);
  });
});

describe("a grant in the hands of a dead worker", () => {
  const held = (accepted: boolean, newestIssuedAt: number, place: HeldToken["place"] = "token set"): HeldToken => ({
    connectionId: "c",
    place,
    grantId: "g",
    accepted,
    verdict: accepted ? "current" : "spent",
    generation: 1,
    grant: { newestGeneration: 2, newestIssuedAt, lastDeliveredAt: null, inFlight: 0, endedBy: null },
  });

  test("is exposed when its token was rotated under this claim and none that we hold is accepted", () => {
    expect(isOutOfReach([held(false, 1_500)], 1_000)).toBe(true);
  });

  test("is not when its token was not rotated, or the newest is in a candidate or the escrow", () => {
    expect(isOutOfReach([held(true, 1_500)], 1_000)).toBe(false);
    expect(isOutOfReach([held(false, 1_500), held(true, 1_500, "candidate")], 1_000)).toBe(false);
    expect(isOutOfReach([held(false, 1_500), held(true, 1_500, "escrow")], 1_000)).toBe(false);
  });

  test("is not explained by this kill when it was lost before it", () => {
    expect(isOutOfReach([held(false, 500)], 1_000)).toBe(false);
  });
});

describe("a report", () => {
  const judged = {
    lostByUs: [],
    lostUnavoidably: [exposure("a")],
    lostToOperator: [],
    exposedButAlive: [],
    falselyEnded: [],
    doubts: [],
  };
  const audit: Findings["audit"] = {
    refreshes: 100,
    requests: 110,
    connections: 10,
    grants: 11,
    losses: judged,
    longestInMemoryMs: 0,
    heldInGrace: [],
    overlaps: [],
    spentPresented: [],
    spentPresentedOfLost: 2,
    spentPresentedInGrace: 3,
    revived: 0,
    candidatesUsed: 0,
    settledFromEscrow: 0,
    stories: [],
  };
  const unread = { pieces: 0, bytes: 0 };
  const search: Findings["searches"][number] = {
    sightings: [],
    read: { texts: unread, pages: unread, redisUrls: unread, databaseUrls: unread, processes: unread },
  };
  const findings: Findings = {
    options: { kills: 5, seed: 7, backend: "postgres", connections: 300 },
    plan: [],
    audit,
    searches: [search],
    open: [],
    unkept: [],
    timeline: new Map(),
    deaths: [{ name: "worker-1", code: 1, wasUp: false }],
    recoverySeconds: new Map(),
    staleSecondsMax: 1.23,
    reconnected: 1,
    breakersAccepted: 0,
    lastedMs: 90_000,
    folder: "/somewhere",
  };

  test("is fine when what was lost is what was exposed, and says how to run it again", () => {
    expect(reportOf(findings)).toMatchObject({
      ok: true,
      broken: [],
      lostUnavoidably: 1,
      exposed: 1,
      exposedBy: { placed: 1, collateral: 0 },
      replay: "npm run crash -- --kills 5 --seed 7 --backend postgres --connections 300",
    });
  });

  test.each<[string, Partial<Findings>]>([
    ["a grant was lost by us", { audit: { ...audit, losses: { ...judged, lostByUs: [loss("b")] } } }],
    ["an exposed grant is alive", { audit: { ...audit, losses: { ...judged, exposedButAlive: [exposure("b")] } } }],
    ["a grant was ended falsely", { audit: { ...audit, losses: { ...judged, falselyEnded: [loss("b")] } } }],
    ["requests overlapped", { audit: { ...audit, overlaps: [{ grantId: "b", count: 1, at: 1_000 }] } }],
    ["a spent token was presented", { audit: { ...audit, spentPresented: [{ grantId: "b", count: 1, at: 1_000 }] } }],
    [
      "a secret was found",
      { searches: [search, { ...search, sightings: [{ canary: "tokens", place: "worker-1.log", spelling: "hex" }] }] },
    ],
    ["a process ended by itself", { deaths: [{ name: "worker-1", code: 1, wasUp: true }] }],
    ["a connection lives by a grace window only", { audit: { ...audit, heldInGrace: ["b"] } }],
    ["the fleet did not do by itself what it should", { unkept: ["the breaker did not open"] }],
    ["something is still open", { open: ["1 faults are still felt"] }],
  ])("is not fine when %s", (_, change) => {
    const report = reportOf({ ...findings, ...change });
    expect(report.ok).toBe(false);
    expect(report.broken).toHaveLength(1);
  });

  test("names the faults that were under way when something happened to a grant, and no others", () => {
    const timeline = new Map(
      [
        { number: 1, kind: "long over", from: 10_000, to: 20_000 },
        { number: 2, kind: "just over", from: 20_000, to: 29_000 },
        { number: 3, kind: "under way", from: 25_000, to: 60_000 },
        { number: 4, kind: "never healed", from: 26_000, to: null },
        { number: 5, kind: "later", from: 40_000, to: 41_000 },
      ].map((happened) => [happened.number, happened]),
    );
    expect(faultsAround(timeline, 30_000)).toEqual(["2 just over", "3 under way", "4 never healed"]);
  });

  test("gives the median and the 99th percentile by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantiles(hundred)).toEqual({ count: 100, p50: 50, p99: 99 });
    expect(quantiles([2])).toEqual({ count: 1, p50: 2, p99: 2 });
  });
});
