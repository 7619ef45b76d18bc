import { createHash } from "node:crypto";
import type { Decision } from "@evergrant/core";
import { createTestDatabase } from "@evergrant/testkit";
import { type Claim, openStore, type SealedTokens, type Settlement, type Store } from "../../src/index.ts";

export interface TestStore {
  readonly store: Store;
  readonly databaseUrl: string;
  /** Another store on the same database, whose sessions are told so: `search_path=…`. */
  reopen(sessionOptions: string): Store;
  /** Makes a connection that is due, with generation 1 and the text of its token as "ciphertext". */
  connect(
    id: string,
    row?: Partial<{ appId: string; dueInMs: number; state: "active" | "needs_reauth" }>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** A store of its own on a copy of the migrated template, with the app `app` registered. */
export async function openTestStore(): Promise<TestStore> {
  const database = await createTestDatabase();
  const store = openStore({ databaseUrl: database.url, applicationName: "test", poolSize: 20 });
  await addApp(store, "app");
  return {
    store,
    databaseUrl: database.url,
    reopen(sessionOptions) {
      const url = new URL(database.url);
      url.searchParams.set("options", `-c ${sessionOptions}`);
      return openStore({ databaseUrl: url.href, applicationName: "test" });
    },
    async connect(id, { appId = "app", dueInMs = -1_000, state = "active" } = {}) {
      await store.prisma.$executeRaw`
        INSERT INTO connection (id, app_id, mode, state, due_at)
        VALUES (${id}, ${appId}, 'fresh', ${state}::connection_state, clock_timestamp() + ${dueInMs}::int * interval '1 ms')`;
      const token = tokenText(id, 1);
      await store.prisma.tokenSet.create({
        data: { connectionId: id, generation: 1, refreshToken: bytes(token), fingerprint: fingerprintOf(token) },
      });
    },
    async close() {
      await store.close();
      await database.drop();
    },
  };
}

export async function addApp(store: Store, id: string): Promise<void> {
  await store.prisma.oAuthApp.create({ data: { id, provider: "xero", environment: "production", clientId: id } });
}

export const tokenText = (id: string, generation: number) => `token-of-${id}-${generation}`;

/** Looks like a sealed value to the database: a format byte and at least nonce and tag before the text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([Buffer.from([1]), Buffer.alloc(28), Buffer.from(text)]));
}

export function textOf(sealed: Uint8Array | undefined): string {
  return Buffer.from(sealed ?? [])
    .subarray(29)
    .toString();
}

/** Sixteen bytes, as the vault's fingerprints are. */
export function fingerprintOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(text).digest().subarray(0, 16));
}

/** What a successful refresh of a claim would settle. */
export function successOf(claimed: Claim, decision: Partial<Decision> = {}): Settlement {
  const token = tokenText(claimed.connection.id, claimed.generation + 1);
  const tokens = {
    refreshToken: bytes(token),
    accessToken: bytes("access"),
    fingerprint: fingerprintOf(token),
    secretId: null,
  };
  return settlementOf(claimed, tokens, decision);
}

/** What a refused refresh of a claim would settle. */
export function failureOf(claimed: Claim, decision: Partial<Decision> = {}): Settlement {
  return settlementOf(claimed, null, {
    strikes: 1,
    firstStrikeAt: claimed.claimedAt,
    cause: "unexplained",
    ...decision,
  });
}

function settlementOf(claimed: Claim, tokens: SealedTokens | null, decision: Partial<Decision>): Settlement {
  return {
    connectionId: claimed.connection.id,
    appId: claimed.appId,
    intentId: claimed.intentId,
    generation: claimed.generation,
    outcome: tokens === null ? "rejected" : "rotated",
    tokens,
    durationMs: 12,
    latenessMs: 34,
    decision: {
      state: "active",
      dueAt: claimed.claimedAt + 60_000,
      accessTokenExpiresAt: claimed.claimedAt + 120_000,
      grantExpiresAt: null,
      grantHardExpiresAt: null,
      strikes: 0,
      firstStrikeAt: null,
      failures: 0,
      unknownSince: null,
      cause: null,
      events: [],
      ...decision,
    },
  };
}

/** Lets every lease die, as time would, and makes its claim a little older. */
export async function killLeases(store: Store): Promise<void> {
  await store.prisma.$executeRaw`
    UPDATE refresh_intent SET lease_expires_at = clock_timestamp() - interval '1 s', claimed_at = claimed_at - interval '10 ms',
      first_claimed_at = first_claimed_at - interval '10 ms'`;
}

export async function makeDue(store: Store): Promise<void> {
  await store.prisma
    .$executeRaw`UPDATE connection SET due_at = clock_timestamp() - interval '1 s' WHERE state = 'active'`;
}
