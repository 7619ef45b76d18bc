import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { importConnections } from "../../src/connections/import-connections.ts";
import type { PrismaClient } from "../../src/generated/client.ts";
import {
  descriptor,
  endGrant,
  type ImportStore,
  line,
  openImportStore,
  readEvents,
  readStored,
} from "./import-store.ts";

let bench: ImportStore;
beforeAll(async () => {
  bench = await openImportStore();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.store.prisma.connection.deleteMany();
  await bench.store.prisma.refreshEvent.deleteMany();
});

const SIXTY_DAYS_MS = 60 * 86_400_000;
const inAnHour = () => Date.now() + 3_600_000;

describe("a new connection", () => {
  test("is stored with sealed tokens, tenants, schedule and an event", async () => {
    const expiresAt = inAnHour();
    const tenants = [
      { id: "t1", name: "Acme Ltd" },
      { id: "t2", name: null },
    ];
    const whole = line("a", "refresh-a", {
      accessToken: "access-a",
      accessTokenExpiresAt: expiresAt,
      refreshTokenExpiresAt: expiresAt + SIXTY_DAYS_MS,
      customer: "acme",
      tenants,
    });
    expect(await bench.run([whole])).toEqual(["imported"]);

    const stored = await readStored(bench, "a");
    expect(stored).toMatchObject({
      appId: "app",
      customer: "acme",
      mode: "fresh",
      state: "active",
      generation: 1,
      refreshToken: "refresh-a",
      accessToken: "access-a",
      tenants,
      accessTokenExpiresAt: new Date(expiresAt),
      grantExpiresAt: new Date(expiresAt + SIXTY_DAYS_MS),
      grantHardExpiresAt: null,
      lastOutcome: null,
    });
    // Lead of 5 minutes and up to 3 of jitter before the expiry.
    const beforeExpiryMs = expiresAt - (stored.dueAt?.getTime() ?? 0);
    expect(beforeExpiryMs).toBeGreaterThanOrEqual(5 * 60_000);
    expect(beforeExpiryMs).toBeLessThanOrEqual(8 * 60_000);
    expect(await readEvents(bench, "a")).toEqual([{ kind: "imported", generation: 1, detail: {} }]);
  });

  test("whose expiry is unknown is due at once, by the database's clock", async () => {
    await bench.run([line("a", "refresh-a")]);
    const [row] = await bench.store.prisma.$queryRaw<{ due: boolean }[]>`
      SELECT due_at <= clock_timestamp() AND due_at > clock_timestamp() - interval '1 min' AS due FROM connection`;
    expect(row?.due).toBe(true);
  });

  test("takes the mode that its line names, else its provider's", async () => {
    await bench.run([line("a", "refresh-a", { mode: "keepalive" }), line("b", "refresh-b", { mode: "off" })]);
    expect((await readStored(bench, "a")).mode).toBe("keepalive");
    expect(await readStored(bench, "b")).toMatchObject({ mode: "off", dueAt: null });
  });

  test("without access tokens keeps its neighbours' tokens whole", async () => {
    await bench.run([
      line("a", "refresh-a"),
      line("b", "refresh-b", { accessToken: "access-b" }),
      line("c", "refresh-c"),
    ]);
    expect(await readStored(bench, "a")).toMatchObject({ refreshToken: "refresh-a", accessToken: null });
    expect(await readStored(bench, "b")).toMatchObject({ refreshToken: "refresh-b", accessToken: "access-b" });
  });
});

describe("importing again", () => {
  test("changes nothing, whatever else the line says", async () => {
    await bench.run([line("a", "refresh-a", { customer: "acme" })]);
    const before = await readStored(bench, "a");
    expect(await bench.run([line("a", "refresh-a", { customer: "other", mode: "off" })])).toEqual(["unchanged"]);
    expect(await readStored(bench, "a")).toEqual(before);
    expect(await readEvents(bench, "a")).toHaveLength(1);
  });

  test("never brings back a token that has been rotated since, not even with replace", async () => {
    await bench.run([line("a", "refresh-a")]);
    await rotate("a", "rotated-a");
    expect(await bench.run([line("a", "refresh-a")])).toEqual(["unchanged"]);
    expect(await bench.run([line("a", "refresh-a")], { replace: true })).toEqual(["unchanged"]);
    expect(await readStored(bench, "a")).toMatchObject({ refreshToken: "rotated-a", generation: 2 });
  });

  test("knows the current token too, although it never came from outside", async () => {
    await bench.run([line("a", "refresh-a")]);
    await rotate("a", "rotated-a");
    expect(await bench.run([line("a", "rotated-a")], { replace: true })).toEqual(["unchanged"]);
  });
});

describe("a connection that needs re-authorization", () => {
  beforeEach(async () => {
    await bench.run([
      line("a", "refresh-a", { customer: "acme", mode: "keepalive", tenants: [{ id: "t1", name: null }] }),
    ]);
    await endGrant(bench, "a");
    await bench.store.prisma.refreshEvent.deleteMany();
  });

  test("lives again with a new token, without the old grant's past", async () => {
    expect(await bench.run([line("a", "refresh-2")])).toEqual(["reconnected"]);
    expect(await readStored(bench, "a")).toMatchObject({
      state: "active",
      stateReason: "reconnected",
      generation: 2,
      refreshToken: "refresh-2",
      strikes: 0,
      firstStrikeAt: null,
      failures: 0,
      unknownSince: null,
      grantHardExpiresAt: null,
      lastOutcome: null,
      lastAttemptAt: null,
      // What the line does not say stays.
      customer: "acme",
      mode: "keepalive",
      tenants: [{ id: "t1", name: null }],
    });
    expect((await readStored(bench, "a")).dueAt).not.toBeNull();
    expect(await readEvents(bench, "a")).toEqual([
      { kind: "reconnected", generation: 2, detail: { previousState: "needs_reauth" } },
    ]);
  });

  test("stays as it is when the token that died is imported again", async () => {
    expect(await bench.run([line("a", "refresh-a")])).toEqual(["unchanged"]);
    expect((await readStored(bench, "a")).state).toBe("needs_reauth");
  });

  test("takes the tenants of its new line in place of the old ones", async () => {
    await bench.run([
      line("a", "refresh-2", {
        tenants: [
          { id: "t2", name: "New" },
          { id: "t2", name: "New" },
        ],
      }),
    ]);
    expect((await readStored(bench, "a")).tenants).toEqual([{ id: "t2", name: "New" }]);
  });
});

describe("an active connection", () => {
  test("is not given another token, unless that is asked for", async () => {
    await bench.run([line("a", "refresh-a")]);
    expect(await bench.run([line("a", "refresh-2")])).toEqual([
      "rejected: already active with another token; use --replace to overwrite it",
    ]);
    expect(await readStored(bench, "a")).toMatchObject({ refreshToken: "refresh-a", generation: 1 });

    expect(await bench.run([line("a", "refresh-2")], { replace: true })).toEqual(["replaced"]);
    expect(await readStored(bench, "a")).toMatchObject({ refreshToken: "refresh-2", generation: 2, state: "active" });
    expect((await readEvents(bench, "a")).at(-1)).toEqual({
      kind: "reconnected",
      generation: 2,
      detail: { previousState: "active" },
    });
  });

  test("is not moved to another app", async () => {
    await bench.run([line("a", "refresh-a")]);
    const moved = line("a", "refresh-2", { appId: "other" });
    expect(await bench.run([moved], { replace: true })).toEqual([
      'rejected: this id belongs to a connection of app "app"',
    ]);
  });
});

describe("one refresh token", () => {
  test("is refused under a second id, in the same batch, a later one, and after it has rotated", async () => {
    const refused = 'rejected: this refresh token is already stored under connection "a"';
    expect(await bench.run([line("a", "refresh-a"), line("b", "refresh-a")])).toEqual(["imported", refused]);
    await rotate("a", "rotated-a");
    expect(await bench.run([line("c", "refresh-a")])).toEqual([refused]);
    expect(await bench.store.prisma.connection.count()).toBe(1);
  });
});

describe("a bad line", () => {
  test("never fails its neighbours", async () => {
    await bench.run([line("taken", "refresh-0")]);
    const results = await bench.run([
      line("a", "refresh-a"),
      line("b", "refresh-b", { appId: "nowhere" }),
      line("taken", "refresh-c"),
      line("d", "refresh-0"),
      line("e", "refresh-e"),
    ]);
    expect(results).toEqual([
      "imported",
      "rejected: unknown app; known are app, other",
      "rejected: already active with another token; use --replace to overwrite it",
      'rejected: this refresh token is already stored under connection "taken"',
      "imported",
    ]);
    expect(await bench.store.prisma.connection.count()).toBe(3);
  });
});

test("the same id twice in one batch is imported once; its second token needs replace", async () => {
  const twice = [line("a", "refresh-1"), line("a", "refresh-1"), line("a", "refresh-2")];
  expect(await bench.run(twice)).toEqual([
    "imported",
    "unchanged",
    "rejected: already active with another token; use --replace to overwrite it",
  ]);
  expect(await bench.run([line("b", "refresh-3"), line("b", "refresh-4")], { replace: true })).toEqual([
    "imported",
    "replaced",
  ]);
  expect(await readStored(bench, "b")).toMatchObject({ refreshToken: "refresh-4" });
  expect(await bench.run([line("c", "refresh-3")])).toEqual([
    'rejected: this refresh token is already stored under connection "b"',
  ]);
});

test("a batch of 1,000 takes a handful of statements", async () => {
  let statements = 0;
  const counting = bench.store.prisma.$extends({
    query: {
      $allOperations: ({ args, query }) => {
        statements += 1;
        return query(args);
      },
    },
  });
  const lines = Array.from({ length: 1_000 }, (_, index) =>
    line(`c-${index}`, `refresh-${index}`, { tenants: [{ id: "t", name: "T" }] }),
  );
  const results = await importConnections(
    { prisma: counting as unknown as PrismaClient },
    bench.vault,
    new Map([["app", descriptor]]),
    lines,
  );
  expect(new Set(results.map(({ result }) => result))).toEqual(new Set(["imported"]));
  expect(await bench.store.prisma.tokenSet.count()).toBe(1_000);
  expect(statements).toBeGreaterThan(0);
  expect(statements).toBeLessThan(10);
});

describe("a connection that has lost its token set, as when that table was restored from a backup", () => {
  test.each([
    ["the token that it was imported with", "refresh-a"],
    ["another one", "refresh-b"],
  ])("takes %s, under a generation above all that are known of it", async (_, token) => {
    const { prisma } = bench.store;
    expect(await bench.run([line("a", "refresh-a"), line("whole", "refresh-whole")])).toEqual(["imported", "imported"]);
    await prisma.refreshEvent.create({ data: { appId: "app", connectionId: "a", kind: "refreshed", generation: 7 } });
    await prisma.tokenSet.delete({ where: { connectionId: "a" } });
    expect(await bench.run([line("a", token), line("whole", "refresh-whole")])).toEqual(["reconnected", "unchanged"]);
    expect(await readStored(bench, "a")).toMatchObject({ generation: 8, refreshToken: token, state: "active" });
    expect(await bench.run([line("a", token)])).toEqual(["unchanged"]);
  });

  test("does not take a token that is another connection's", async () => {
    await bench.run([line("a", "refresh-a"), line("whole", "refresh-whole")]);
    await bench.store.prisma.tokenSet.delete({ where: { connectionId: "a" } });
    expect(await bench.run([line("a", "refresh-whole")])).toEqual([
      'rejected: this refresh token is already stored under connection "whole"',
    ]);
  });
});

/** Stores another token as a refresh would. */
async function rotate(id: string, refreshToken: string): Promise<void> {
  const { store, vault } = bench;
  const { generation } = await store.prisma.tokenSet.findUniqueOrThrow({ where: { connectionId: id } });
  await store.prisma.tokenSet.update({
    where: { connectionId: id },
    data: {
      generation: generation + 1,
      refreshToken: vault.sealToken(
        { connectionId: id, field: "refreshToken", generation: generation + 1 },
        refreshToken,
      ),
      fingerprint: vault.fingerprint(refreshToken),
    },
  });
}
