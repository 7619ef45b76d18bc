import type { ProviderDescriptor } from "@evergrant/core";
import { createTestDatabase } from "@evergrant/testkit";
import { openStore, type Store } from "../../src/client.ts";
import type { ConnectionToImport } from "../../src/connections/connection-to-import.ts";
import { importConnections } from "../../src/connections/import-connections.ts";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "../../src/secrets/index.ts";
import { addApp } from "../refresh/rows.ts";

const MINUTE_MS = 60_000;

/** Every duration differs, so that a mixed-up one shows. */
export const descriptor: ProviderDescriptor = {
  provider: "xero",
  tokenUrl: "https://127.0.0.1/token",
  clientAuthentication: "basic",
  requestHeaders: {},
  requestParameters: {},
  fields: {
    accessToken: "access_token",
    refreshToken: "refresh_token",
    expiresIn: "expires_in",
    refreshTokenExpiresIn: null,
    refreshTokenHardExpiresIn: null,
    error: "error",
    errorDescription: "error_description",
  },
  requestIdHeader: null,
  errorRules: [],
  lifetimes: { accessTokenMs: 30 * MINUTE_MS, inactivityMs: null },
  graceMs: 0,
  schedule: {
    mode: "fresh",
    leadMs: 5 * MINUTE_MS,
    jitterMs: 3 * MINUTE_MS,
    keepaliveMs: 24 * 60 * MINUTE_MS,
    safetyMarginMs: 10 * 24 * 60 * MINUTE_MS,
  },
  retry: { firstMs: 5_000, maxMs: 5 * MINUTE_MS },
  strikeGapMs: MINUTE_MS,
  breaker: {
    windowMs: 6 * MINUTE_MS,
    leastRejected: 10,
    rejectedShare: 0.1,
    acceptedShare: 0.8,
    acceptedForMs: 86_400_000,
    leastMisconfigured: 3,
    probeMs: 15_000,
    vouchWithinMs: 86_400_000,
    vouchWithinRefusals: 8,
  },
  answerTimeoutMs: 2 * MINUTE_MS,
};

export interface ImportStore {
  readonly store: Store;
  readonly vault: TokenVault;
  /** Imports one batch and returns the bare results. */
  run(lines: readonly ConnectionToImport[], options?: { replace?: boolean }): Promise<string[]>;
  close(): Promise<void>;
}

/** A store of its own with the apps `app` and `other`. */
export async function openImportStore(): Promise<ImportStore> {
  const database = await createTestDatabase();
  const store = openStore({ databaseUrl: database.url, applicationName: "import test", poolSize: 10 });
  await addApp(store, "app");
  await addApp(store, "other");
  const vault = await openVault(store, parseKeyRing(generateKey()));
  const descriptors = new Map([
    ["app", descriptor],
    ["other", descriptor],
  ]);
  return {
    store,
    vault,
    run: async (lines, options) => {
      const results = await importConnections(store, vault, descriptors, lines, options);
      return results.map((result) => (result.result === "rejected" ? `rejected: ${result.reason}` : result.result));
    },
    async close() {
      await store.close();
      await database.drop();
    },
  };
}

/** A line that holds nothing but what is required. */
export function line(id: string, refreshToken: string, more: Partial<ConnectionToImport> = {}): ConnectionToImport {
  return {
    id,
    appId: "app",
    refreshToken,
    accessToken: null,
    accessTokenExpiresAt: null,
    refreshTokenExpiresAt: null,
    customer: null,
    mode: null,
    tenants: [],
    ...more,
  };
}

/** The row with its token set opened: what the next refresh would present. */
export async function readStored({ store, vault }: ImportStore, id: string) {
  const row = await store.prisma.connection.findUniqueOrThrow({
    where: { id },
    include: { tokenSet: true, tenants: { orderBy: { id: "asc" } }, intent: true, candidates: true },
  });
  if (row.tokenSet === null) throw new Error(`${id} has no token set`);
  const { generation, refreshToken, accessToken } = row.tokenSet;
  const open = (field: "refreshToken" | "accessToken", sealed: Uint8Array) =>
    vault.openToken({ connectionId: id, field, generation }, sealed);
  return {
    ...row,
    generation,
    refreshToken: open("refreshToken", refreshToken),
    accessToken: accessToken === null ? null : open("accessToken", accessToken),
    tenants: row.tenants.map((tenant) => ({ id: tenant.id, name: tenant.name })),
  };
}

export async function readEvents({ store }: ImportStore, connectionId: string) {
  const events = await store.prisma.refreshEvent.findMany({ where: { connectionId }, orderBy: { id: "asc" } });
  return events.map(({ kind, generation, detail }) => ({ kind, generation, detail }));
}

/** Ends a grant as two refusals would. */
export async function endGrant({ store }: ImportStore, id: string): Promise<void> {
  await store.prisma.connection.update({
    where: { id },
    data: {
      state: "needs_reauth",
      stateReason: "unexplained",
      dueAt: null,
      strikes: 2,
      firstStrikeAt: new Date(),
      failures: 7,
      unknownSince: new Date(),
      lastOutcome: "rejected",
      lastAttemptAt: new Date(),
      grantHardExpiresAt: new Date(),
    },
  });
}
