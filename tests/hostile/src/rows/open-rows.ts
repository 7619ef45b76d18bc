import { isSuccess, judge } from "@evergrant/core";
import {
  addApp,
  type ConnectionToImport,
  claim,
  importConnections,
  openStore,
  type Store,
  settle,
} from "@evergrant/store";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { type RefreshParts, refreshConnection } from "@evergrant/worker/refresh-connection";
import { descriptors } from "../answers/descriptors.ts";
import { type HostileCase, NOW } from "../answers/hostile-case.ts";
import { readRow, type StoredRow } from "./read-row.ts";

const LEASE_MS = 60_000;
const BYSTANDERS = 10;

/** Connections in a real database, each of which meets one hostile answer. */
export interface Rows {
  /**
   * Takes each case through the worker's own use-case: a real claim, the judge, the vault, a real settle.
   * Then looks whether its token set is what it must be, and that it opens.
   *
   * @returns how many token sets were replaced, and how many kept
   * @throws Error that names the case and what was damaged
   */
  settle(cases: readonly HostileCase[]): Promise<{ readonly replaced: number; readonly kept: number }>;
  /** @throws Error when a connection that met no answer has changed */
  checkBystanders(): Promise<void>;
  close(): Promise<void>;
}

/** @param databaseUrl a migrated database of its own */
export async function openRows(databaseUrl: string): Promise<Rows> {
  const store = openStore({ databaseUrl, applicationName: "hostile", poolSize: 8 });
  const vault = await openVault(store, parseKeyRing(generateKey()));
  for (const [index, { provider }] of descriptors.entries()) {
    const limits = { maxConcurrent: null, maxPerSecond: null };
    const app = { id: appId(index), provider, environment: "sandbox" as const, clientId: "c", ...limits };
    await addApp(store, vault, { ...app, descriptor: {}, clientSecret: null });
  }
  const bystanders = Array.from({ length: BYSTANDERS }, (_, no) =>
    lineOf(`bystander-${no}`, appId(0), `token-of-${no}`),
  );
  await importLines(store, vault, bystanders);
  const before = await Promise.all(bystanders.map(({ id }) => readRow(store, vault, id)));
  let settled = 0;

  return {
    async settle(cases) {
      const lines = cases.map((given, index) =>
        lineOf(`row-${settled + index}`, appId(descriptors.indexOf(given.descriptor)), given.presented.refreshToken),
      );
      settled += cases.length;
      const imported = await importLines(store, vault, lines);
      const counts = { replaced: 0, kept: 0 };
      // Of two cases with the same token only the first becomes a connection.
      const pairs = lines.flatMap((line, index) => {
        const given = cases[index];
        return given !== undefined && imported.has(line.id) ? [{ id: line.id, given }] : [];
      });
      await Promise.all(
        pairs.map(async ({ id, given }) => {
          await age(store, id, given);
          await refreshConnection(id, partsFor(store, vault, given));
          counts[checkRow(await readRow(store, vault, id), given)] += 1;
        }),
      );
      return counts;
    },
    async checkBystanders() {
      const after = await Promise.all(bystanders.map(({ id }) => readRow(store, vault, id)));
      if (JSON.stringify(after) !== JSON.stringify(before))
        throw new Error("Broken: a connection that met no answer has changed");
    },
    close: () => store.close(),
  };
}

const appId = (index: number) => `app-${index}`;

function lineOf(id: string, app: string, refreshToken: string): ConnectionToImport {
  const unknown = {
    accessToken: null,
    accessTokenExpiresAt: null,
    refreshTokenExpiresAt: null,
    customer: null,
    mode: null,
  };
  return { id, appId: app, refreshToken, ...unknown, tenants: [] };
}

async function importLines(
  store: Store,
  vault: TokenVault,
  lines: readonly ConnectionToImport[],
): Promise<ReadonlySet<string>> {
  const byApp = new Map(descriptors.map((descriptor, index) => [appId(index), descriptor]));
  const results = await importConnections(store, vault, byApp, lines);
  return new Set(results.flatMap(({ id, result }) => (result === "imported" ? [id] : [])));
}

/** Gives a fresh connection the past that the case tells of, and makes it due. */
async function age({ prisma }: Store, id: string, { connection }: HostileCase): Promise<void> {
  const sinceNowMs = Date.now() - NOW;
  const date = (epochMs: number | null) => (epochMs === null ? null : new Date(epochMs + sinceNowMs));
  const { mode, strikes, failures } = connection;
  const data = {
    mode,
    strikes,
    failures,
    accessTokenExpiresAt: date(connection.accessTokenExpiresAt),
    grantExpiresAt: date(connection.grantExpiresAt),
    grantHardExpiresAt: date(connection.grantHardExpiresAt),
    firstStrikeAt: date(connection.firstStrikeAt),
    unknownSince: date(connection.unknownSince),
    dueAt: new Date(Date.now() - 60_000),
  };
  await prisma.connection.update({ where: { id }, data });
}

/** The worker's parts, with an answer in place of a provider. */
function partsFor(store: Store, vault: TokenVault, given: HostileCase): RefreshParts {
  const monotonicMs = () => performance.now();
  const app = { appId: "", descriptor: given.descriptor, clientId: "c", secrets: [], fault: null };
  return {
    claim: async (id) => {
      const askedAt = monotonicMs();
      const [claimed] = await claim(store, [id], { holder: "hostile", leaseMs: LEASE_MS });
      return claimed === undefined ? null : { claim: claimed, askedAt };
    },
    leases: {
      during: (_lease, _askedAt, work) => work({ stillHeld: async () => true, surelyHeld: () => true }),
      close: () => {},
    },
    takeOver: async () => "nothing",
    credentials: async () => app,
    present: async () => ({ outcome: judge(given.answer, given.descriptor, given.presented), secretId: null }),
    candidates: { next: async () => null, refuse: async () => {} },
    vouch: async () => true,
    vault,
    settle: async (settlement) => {
      const [result = "stale"] = await settle(store, [settlement], "hostile");
      return result;
    },
    emit: () => {},
    monotonicMs,
  };
}

function checkRow(row: StoredRow, given: HostileCase): "replaced" | "kept" {
  const outcome = judge(given.answer, given.descriptor, given.presented);
  const fail = (what: string) =>
    new Error(`Broken: ${what}, after ${JSON.stringify({ ...given, descriptor: given.descriptor.provider })}`);
  if (row.hasIntent) throw fail("the refresh was not settled");
  if (row.state !== "active" && outcome.kind !== "rejected") throw fail(`the connection is ${row.state}`);
  if (!isSuccess(outcome)) {
    if (row.generation !== 1 || row.refreshToken !== given.presented.refreshToken) throw fail("the token set changed");
    return "kept";
  }
  const { refreshToken, accessToken } = outcome.tokens;
  const expected = {
    refreshToken: stored(refreshToken ?? given.presented.refreshToken),
    accessToken: stored(accessToken),
  };
  const isWhole = row.refreshToken === expected.refreshToken && row.accessToken === expected.accessToken;
  if (row.generation !== 2 || !isWhole) throw fail("the token set is not the one received");
  return "replaced";
}

/** Half a surrogate pair is no text: what is stored is what could be sent. */
function stored<Token extends string | null>(token: Token): Token | string {
  return token === null ? token : Buffer.from(token).toString();
}
