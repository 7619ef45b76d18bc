import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { countConnections, listConnections } from "../../src/connections/list-connections.ts";
import { loadConnection } from "../../src/connections/load-connection.ts";
import { claim } from "../../src/refresh/claim.ts";
import { endGrant, type ImportStore, line, openImportStore } from "./import-store.ts";

let bench: ImportStore;
beforeAll(async () => {
  bench = await openImportStore();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.store.prisma.connection.deleteMany();
  await bench.store.prisma.refreshEvent.deleteMany();
});

const inAnHour = () => Date.now() + 3_600_000;
const anHourAgo = () => Date.now() - 3_600_000;
const idsOf = async (filter: Parameters<typeof listConnections>[1]) =>
  (await listConnections(bench.store, filter, { after: null, limit: 100 })).map(({ id }) => id);

describe("a list of connections", () => {
  test("is cut into pages that hold each one once", async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `c-${index}`);
    await bench.run(ids.map((id) => line(id, `refresh-${id}`)));
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const page: { id: string }[] = await listConnections(bench.store, {}, { after, limit: 10 });
      seen.push(...page.map(({ id }) => id));
      if (page.length < 10) break;
      after = page.at(-1)?.id ?? null;
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen)).toEqual(new Set(ids));
  });

  test("keeps every condition that is given, and a count agrees with it", async () => {
    await bench.run([
      line("a", "refresh-a", { customer: "acme", accessTokenExpiresAt: anHourAgo() }),
      line("b", "refresh-b", { customer: "acme", appId: "other", accessTokenExpiresAt: inAnHour() }),
      line("c", "refresh-c", { mode: "keepalive", accessTokenExpiresAt: anHourAgo() }),
      line("d", "refresh-d", { accessTokenExpiresAt: anHourAgo() }),
    ]);
    await endGrant(bench, "d");
    const expected: [Parameters<typeof idsOf>[0], string[]][] = [
      [{}, ["a", "b", "c", "d"]],
      [{ customer: "acme" }, ["a", "b"]],
      [{ appId: "other" }, ["b"]],
      [{ customer: "acme", appId: "app" }, ["a"]],
      [{ state: "needs_reauth" }, ["d"]],
      // Not kept fresh, or dead, is not stale.
      [{ stale: true }, ["a"]],
      [{ customer: "' OR true --" }, []],
    ];
    for (const [filter, ids] of expected) {
      expect(await idsOf(filter), JSON.stringify(filter)).toEqual(ids);
      expect(await countConnections(bench.store, filter), JSON.stringify(filter)).toBe(ids.length);
    }
  });
});

describe("one connection, shown", () => {
  test("tells its row, tenants, refresh in flight and events, the latest last", async () => {
    const expiresAt = inAnHour();
    const tenants = [{ id: "t1", name: "Acme Ltd" }];
    await bench.run([line("a", "refresh-a", { customer: "acme", accessTokenExpiresAt: expiresAt, tenants })]);
    await bench.run([line("a", "refresh-2")], { replace: true });
    await claim(bench.store, ["a"], { holder: "worker-1", leaseMs: 30_000 });

    const shown = await loadConnection(bench.store, "a", { events: 10 });
    expect(shown).toMatchObject({
      id: "a",
      app: { id: "app", provider: "xero", environment: "production", breakerState: "closed" },
      customer: "acme",
      state: "active",
      generation: 2,
      tenants,
      candidates: 0,
      intent: { holder: "worker-1" },
    });
    expect(shown?.events.map(({ kind }) => kind)).toEqual(["imported", "reconnected"]);
    expect((await loadConnection(bench.store, "a", { events: 1 }))?.events.map(({ kind }) => kind)).toEqual([
      "reconnected",
    ]);
  });

  test("gives away no token, no ciphertext and too little of the fingerprint to test a guess", async () => {
    await bench.run([line("a", "canary-refresh", { accessToken: "canary-access" })]);
    const row = await bench.store.prisma.tokenSet.findUniqueOrThrow({ where: { connectionId: "a" } });
    const shown = JSON.stringify(await loadConnection(bench.store, "a", { events: 10 }));
    const fingerprint = Buffer.from(row.fingerprint).toString("hex");
    expect(shown).toContain(`"${fingerprint.slice(0, 8)}"`);
    for (const secret of [
      "canary",
      fingerprint.slice(0, 9),
      Buffer.from(row.refreshToken).toString("base64").slice(0, 20),
    ]) {
      expect(shown).not.toContain(secret);
    }
  });

  test("that does not exist is null", async () => {
    expect(await loadConnection(bench.store, "missing", { events: 10 })).toBeNull();
  });
});
