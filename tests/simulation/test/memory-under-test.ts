import { dueAfterImport } from "@evergrant/core";
import type {
  BreakerView,
  ConnectionView,
  StoreUnderTest,
} from "../../../packages/store/test/conformance/store-under-test.ts";
import { descriptor } from "../../../packages/store/test/connections/import-store.ts";
import { bytes, fingerprintOf, textOf, tokenText } from "../../../packages/store/test/refresh/rows.ts";
import { newestFirst } from "../src/store/candidates.ts";
import { connect, reconnect } from "../src/store/connect.ts";
import { createMemoryStore } from "../src/store/memory-store.ts";
import { addApp, type ConnectionRow, createTables } from "../src/store/tables.ts";

const START = Date.UTC(2026, 0, 1);

/** The store that the simulation uses, as the conformance suite wants it. */
export async function openMemoryUnderTest(): Promise<StoreUnderTest> {
  let now = START;
  const journal: string[] = [];
  const outbox: string[] = [];
  const tables = createTables({
    now: () => now,
    onJournal: ({ appId, connectionId, kind }) => void journal.push(`${connectionId ?? appId} ${kind}`),
    onOutbox: ({ appId, connectionId, kind }) => void outbox.push(`${connectionId ?? appId} ${kind}`),
  });
  const known = <Row>(row: Row | undefined): Row => {
    if (row === undefined) throw new Error("There is no such row.");
    return row;
  };
  const sealed = (token: string) => ({
    refreshToken: bytes(token),
    accessToken: null,
    fingerprint: fingerprintOf(token),
    accessTokenExpiresAt: null,
    grantExpiresAt: null,
  });
  return {
    store: createMemoryStore(tables),
    now: () => now,
    pass: async (ms) => {
      now += ms;
    },
    restart: async () => {
      tables.startedAt = now;
    },
    addApp: async (id) => void addApp(tables, id),
    async setBreaker(id, { state, reason = null, probeId = null, probeAt = null, acceptedAt = null }) {
      const app = known(tables.apps.get(id));
      app.breakerState = state;
      app.breakerReason = reason;
      app.breakerChangedAt = now;
      app.breakerProbeId = probeId;
      app.breakerProbeAt = probeAt;
      app.breakerAcceptedAt = acceptedAt;
    },
    async connect(id, { appId = "app", dueInMs = -1_000, mode = "fresh" } = {}) {
      const dueAt = mode === "off" ? null : now + dueInMs;
      connect(tables, known(tables.apps.get(appId)), id, { ...sealed(tokenText(id, 1)), mode, dueAt });
    },
    async reconnect(id, token) {
      const row = known(tables.connections.get(id));
      const schedule = { id, mode: row.mode, accessTokenExpiresAt: null, grantExpiresAt: null };
      reconnect(tables, row, { ...sealed(token), mode: row.mode, dueAt: dueAfterImport(schedule, descriptor, now) });
    },
    async restoreBackup(id, storedAt) {
      const { refreshToken, fingerprint } = sealed(tokenText(id, 1));
      Object.assign(known(tables.connections.get(id)), {
        refreshToken,
        fingerprint,
        generation: 1,
        tokensStoredAt: storedAt,
      });
    },
    connection: async (id) => viewOf(known(tables.connections.get(id))),
    async app(id): Promise<BreakerView> {
      const app = known(tables.apps.get(id));
      return {
        state: app.breakerState,
        reason: app.breakerReason,
        probeId: app.breakerProbeId,
        probeAt: app.breakerProbeAt,
        acceptedAt: app.breakerAcceptedAt,
      };
    },
    journal: async () => [...journal],
    outbox: async () => [...outbox],
    tally: async () =>
      Object.fromEntries(
        [...tables.apps.values()].flatMap(({ id, totals }) =>
          [...totals].map(([outcome, count]) => [`${id} ${outcome}`, count] as const),
        ),
      ),
    close: async () => {},
  };
}

function viewOf(row: ConnectionRow): ConnectionView {
  const { intent } = row;
  return {
    state: row.state,
    stateReason: row.stateReason,
    mode: row.mode,
    dueAt: row.dueAt,
    accessTokenExpiresAt: row.accessTokenExpiresAt,
    grantExpiresAt: row.grantExpiresAt,
    grantHardExpiresAt: row.grantHardExpiresAt,
    strikes: row.strikes,
    firstStrikeAt: row.firstStrikeAt,
    failures: row.failures,
    unknownSince: row.unknownSince,
    lastOutcome: row.lastOutcome,
    lastAttemptAt: row.lastAttemptAt,
    lastRefreshedAt: row.lastRefreshedAt,
    generation: row.generation,
    token: textOf(row.refreshToken),
    hasAccessToken: row.accessToken !== null,
    intent: intent && {
      generation: intent.generation,
      holder: intent.holder,
      claimedAt: intent.claimedAt,
      leaseExpiresAt: intent.leaseExpiresAt,
      firstClaimedAt: intent.firstClaimedAt,
    },
    candidates: row.candidates.toSorted(newestFirst).map(({ generation, refreshToken, presentedAt }) => ({
      generation,
      token: textOf(refreshToken),
      presentedAt,
    })),
  };
}
