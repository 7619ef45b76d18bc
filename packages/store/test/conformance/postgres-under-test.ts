import { type BreakerReason, type ProviderDescriptor, REFRESH_MODES } from "@evergrant/core";
import { createTestDatabase } from "@evergrant/testkit";
import * as operations from "../../src/index.ts";
import { descriptor } from "../connections/import-store.ts";
import { addApp, bytes, fingerprintOf, textOf, tokenText } from "../refresh/rows.ts";
import { readableVault } from "./readable-vault.ts";
import type { BreakerView, ConnectionView, StoreUnderTest } from "./store-under-test.ts";

const START = Date.UTC(2026, 0, 1);
/** Due at once, whatever its times say. */
const descriptors = (appId: string): ReadonlyMap<string, ProviderDescriptor> => new Map([[appId, descriptor]]);

/**
 * PostgreSQL with a clock of its own: functions named as the built-in ones stand before them in the
 * session's search path, and read the time from a row. So a month passes in one statement, and two
 * stores that get the same commands can be compared to the millisecond.
 */
export async function openPostgresUnderTest(): Promise<StoreUnderTest> {
  const database = await createTestDatabase();
  const url = new URL(database.url);
  url.searchParams.set("options", "-c search_path=public,pg_catalog");
  const store = operations.openStore({ databaseUrl: url.href, applicationName: "conformance", poolSize: 4 });
  const { prisma } = store;
  for (const statement of CLOCK) await prisma.$executeRawUnsafe(statement);
  let now = START;
  const setClock = () => prisma.$executeRaw`UPDATE test_clock SET now = ${new Date(now)}::timestamptz`;
  await setClock();

  const appIdOf = async (id: string) => (await prisma.connection.findUniqueOrThrow({ where: { id } })).appId;

  return {
    store: {
      claim: (...rest) => operations.claim(store, ...rest),
      renewLeases: (...rest) => operations.renewLeases(store, ...rest),
      isLeaseAlive: (...rest) => operations.isLeaseAlive(store, ...rest),
      settle: (...rest) => operations.settle(store, ...rest),
      nextCandidate: (...rest) => operations.nextCandidate(store, ...rest),
      refuseCandidate: (...rest) => operations.refuseCandidate(store, ...rest),
      readAppSchedules: () => operations.readAppSchedules(store),
      saveCursor: (...rest) => operations.saveCursor(store, ...rest),
      readDue: (...rest) => operations.readDue(store, ...rest),
      readAnswers: (...rest) => operations.readAnswers(store, ...rest),
      readVouching: (...rest) => operations.readVouching(store, ...rest),
      openBreaker: (...rest) => operations.openBreaker(store, ...rest),
      closeBreaker: (...rest) => operations.closeBreaker(store, ...rest),
      endProbe: (...rest) => operations.endProbe(store, ...rest),
      takeProbe: (...rest) => operations.takeProbe(store, ...rest),
    },
    now: () => now,
    async pass(ms) {
      now += ms;
      await setClock();
    },
    async restart() {
      await prisma.$executeRaw`UPDATE test_clock SET started = now`;
    },
    addApp: (id) => addApp(store, id),
    async setBreaker(id, { state, reason, probeId, probeAt, acceptedAt }) {
      const data = {
        breakerState: state,
        breakerReason: reason ?? null,
        breakerChangedAt: new Date(now),
        breakerProbeId: probeId ?? null,
        breakerProbeAt: toDate(probeAt ?? null),
        breakerAcceptedAt: toDate(acceptedAt ?? null),
      };
      await prisma.oAuthApp.update({ where: { id }, data });
    },
    async connect(id, { appId = "app", dueInMs = -1_000, mode = "fresh" } = {}) {
      const token = tokenText(id, 1);
      const dueAt = mode === "off" ? null : new Date(now + dueInMs);
      await prisma.connection.create({ data: { id, appId, mode, dueAt, createdAt: new Date(now) } });
      const refreshToken = bytes(token);
      const fingerprint = fingerprintOf(token);
      const storedAt = new Date(now);
      await prisma.tokenSet.create({ data: { connectionId: id, generation: 1, refreshToken, fingerprint, storedAt } });
    },
    async reconnect(id, refreshToken) {
      const appId = await appIdOf(id);
      const line = { id, appId, refreshToken, accessToken: null, accessTokenExpiresAt: null, mode: null, tenants: [] };
      const lines = [{ ...line, refreshTokenExpiresAt: null, customer: null }];
      const options = { replace: true };
      const [result] = await operations.importConnections(store, readableVault, descriptors(appId), lines, options);
      if (result?.result === "rejected") throw new Error(result.reason);
    },
    async restoreBackup(connectionId, storedAt) {
      const token = tokenText(connectionId, 1);
      const tokens = { refreshToken: bytes(token), fingerprint: fingerprintOf(token) };
      const data = { ...tokens, generation: 1, storedAt: new Date(storedAt) };
      await prisma.tokenSet.update({ where: { connectionId }, data });
    },
    connection: (id) => readConnection(store, id),
    async app(id): Promise<BreakerView> {
      const app = await prisma.oAuthApp.findUniqueOrThrow({ where: { id } });
      return {
        state: app.breakerState,
        reason: app.breakerReason as BreakerReason | null,
        probeId: app.breakerProbeId,
        probeAt: toMs(app.breakerProbeAt),
        acceptedAt: toMs(app.breakerAcceptedAt),
      };
    },
    async journal() {
      const events = await prisma.refreshEvent.findMany({ orderBy: { id: "asc" } });
      return events.map(({ appId, connectionId, kind }) => `${connectionId ?? appId} ${kind}`);
    },
    async outbox() {
      const told = await prisma.outbox.findMany({ orderBy: { id: "asc" } });
      return told.map(({ connectionId, kind, payload }) => `${connectionId ?? appOf(payload)} ${kind}`);
    },
    async tally() {
      const rows = await prisma.refreshTally.findMany();
      const counts: Record<string, number> = {};
      for (const { appId, outcome, refreshes } of rows) {
        const key = `${appId} ${outcome}`;
        counts[key] = (counts[key] ?? 0) + Number(refreshes);
      }
      return counts;
    },
    async close() {
      await store.close();
      await database.drop();
    },
  };
}

const CLOCK = [
  "CREATE TABLE test_clock (now timestamptz NOT NULL, started timestamptz NOT NULL)",
  "INSERT INTO test_clock VALUES ('2025-01-01', '2025-01-01')",
  ...["now", "clock_timestamp", "pg_postmaster_start_time"].map(
    (name) => `CREATE FUNCTION public.${name}() RETURNS timestamptz LANGUAGE sql STABLE AS
      'SELECT ${name === "pg_postmaster_start_time" ? "started" : "now"} FROM public.test_clock'`,
  ),
  "ALTER TABLE token_candidate ALTER received_at SET DEFAULT public.now()",
  "ALTER TABLE connection ALTER created_at SET DEFAULT public.now()",
  "ALTER TABLE refresh_event ALTER at SET DEFAULT public.now()",
];

async function readConnection({ prisma }: operations.Store, id: string): Promise<ConnectionView> {
  const row = await prisma.connection.findUniqueOrThrow({
    where: { id },
    include: { tokenSet: true, intent: true, candidates: { orderBy: [{ generation: "desc" }, { id: "desc" }] } },
  });
  const mode = REFRESH_MODES.find((known) => known === row.mode) ?? "off";
  return {
    state: row.state,
    stateReason: row.stateReason,
    mode,
    dueAt: toMs(row.dueAt),
    accessTokenExpiresAt: toMs(row.accessTokenExpiresAt),
    grantExpiresAt: toMs(row.grantExpiresAt),
    grantHardExpiresAt: toMs(row.grantHardExpiresAt),
    strikes: row.strikes,
    firstStrikeAt: toMs(row.firstStrikeAt),
    failures: row.failures,
    unknownSince: toMs(row.unknownSince),
    lastOutcome: row.lastOutcome,
    lastAttemptAt: toMs(row.lastAttemptAt),
    lastRefreshedAt: toMs(row.lastRefreshedAt),
    generation: row.tokenSet?.generation ?? 0,
    token: textOf(row.tokenSet?.refreshToken),
    hasAccessToken: (row.tokenSet?.accessToken ?? null) !== null,
    intent: row.intent && {
      generation: row.intent.generation,
      holder: row.intent.holder,
      claimedAt: row.intent.claimedAt.getTime(),
      leaseExpiresAt: row.intent.leaseExpiresAt.getTime(),
      firstClaimedAt: row.intent.firstClaimedAt.getTime(),
    },
    candidates: row.candidates.map(({ generation, refreshToken, presentedAt }) => ({
      generation,
      token: textOf(refreshToken),
      presentedAt: toMs(presentedAt),
    })),
  };
}

function appOf(payload: unknown): unknown {
  return typeof payload === "object" && payload !== null && "app" in payload ? payload.app : null;
}

function toMs(date: Date | null): number | null {
  return date?.getTime() ?? null;
}

function toDate(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}
