import { openStore, type Store } from "@evergrant/store";
import type { FaultEffect } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

/** What a provider may do to one answer, and what the journal must call it. Null: nothing failed. */
const FAULTS: readonly (readonly [name: string, effect: FaultEffect, outcome: string | null])[] = [
  ["an HTML page", { type: "html", status: 200, at: "received" }, "ambiguous"],
  ["an HTML page with 502", { type: "html", status: 502, at: "received" }, "unavailable"],
  ["an empty 200", { type: "empty", at: "received" }, "ambiguous"],
  ["an empty 200 after rotating", { type: "empty", at: "rotated" }, "ambiguous"],
  ["a 200 with junk after rotating", { type: "junk", at: "rotated" }, "ambiguous"],
  ["an error inside a 200", { type: "error_in_200", error: "invalid_grant" }, "rejected"],
  ["a body of 10 MB after rotating", { type: "big_body", bytes: 10_000_000, at: "rotated" }, "ambiguous"],
  ["a body that drips a byte a second", { type: "drip", intervalMs: 1_000 }, "ambiguous"],
  ["half a body", { type: "half_body" }, "ambiguous"],
  ["a redirect", { type: "redirect", location: "/elsewhere", status: 302 }, "misconfigured"],
  ["503 after rotating", { type: "status", status: 503, body: "", at: "rotated" }, "unavailable"],
  ["429 with Retry-After", { type: "throttle", retryAfter: 1 }, "throttled"],
  ["a connection closed before rotating", { type: "drop", at: "received" }, "ambiguous"],
  ["a connection closed after rotating", { type: "drop", at: "rotated" }, "ambiguous"],
  ["no access token", { type: "omit_access_token" }, null],
  ["no refresh token", { type: "omit_refresh_token" }, null],
  ["expires_in as a string", { type: "expires_in", value: "4" }, null],
  ["expires_in of 0", { type: "expires_in", value: 0 }, null],
  ["a negative expires_in", { type: "expires_in", value: -1 }, null],
  ["no expires_in", { type: "expires_in" }, null],
];

describe("whatever a provider answers, the connection comes through it", () => {
  let world: World;
  let store: Store;
  const grantOf = new Map<string, string>();

  beforeAll(async () => {
    world = await createWorld({ redis: false, rules: { xero: { accessTokenTtlMs: 6_000, graceMs: 60_000 } } });
    store = openStore({ databaseUrl: world.databaseUrl, applicationName: "test" });
    await world.addApp({
      id: "xero-faults",
      kind: "xero",
      descriptor: {
        lifetimes: { accessTokenMs: 6_000 },
        graceMs: 60_000,
        schedule: { leadMs: 3_000, jitterMs: 500 },
        retry: { firstMs: 300, maxMs: 1_000 },
        strikeGapMs: 1_000,
        answerTimeoutMs: 2_000,
      },
    });
    const grants = await world.connect("xero-faults", FAULTS.length, "fault");
    for (const [index, [name, effect]] of FAULTS.entries()) {
      const grantId = grants[index]?.id ?? "";
      grantOf.set(name, grantId);
      await world.provider.setFault({ grantId, effect, times: 1 });
    }
    await start("scheduler", world.env);
    await start("worker", world.keyEnv);
    await until(
      "every connection has been refreshed after its fault",
      async () => (await world.provider.auditGrants()).every((grant) => grant.requests >= 4),
      60_000,
    );
  });
  afterAll(async () => {
    await stopAll();
    await store.close();
    await world.close();
  });

  test.each(FAULTS)("%s", async (name, _, outcome) => {
    const id = grantOf.get(name) ?? "";
    const events = await store.prisma.refreshEvent.findMany({
      where: { connectionId: id, kind: "refresh_failed" },
      orderBy: { id: "asc" },
    });
    const outcomes = events.map((event) => (event.detail as { outcome: string }).outcome);
    if (outcome === null) expect(outcomes).toEqual([]);
    else expect(outcomes[0]).toBe(outcome);
    const row = await store.prisma.connection.findUniqueOrThrow({ where: { id } });
    expect(row).toMatchObject({ state: "active", strikes: 0, unknownSince: null });
  });

  test("every grant lives, and no token was presented outside its grace", async () => {
    expect(await world.provider.audit()).toMatchObject({
      alive: FAULTS.length,
      overlaps: 0,
      spentPresented: { outsideGrace: 0 },
    });
  });
});
