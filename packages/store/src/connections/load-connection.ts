import type { ConnectionState, RefreshMode } from "@evergrant/core";
import type { Environment } from "../apps/oauth-app.ts";
import type { Store } from "../client.ts";

/** Enough to tell two tokens apart, too little to test a guess. */
const FINGERPRINT_CHARACTERS = 8;

/** One connection with its surroundings, for people: no ciphertext is read. Times are epoch ms. */
export interface ConnectionDetail {
  readonly id: string;
  readonly app: {
    readonly id: string;
    readonly provider: string;
    readonly environment: Environment;
    readonly breakerState: string;
  };
  readonly customer: string | null;
  readonly mode: RefreshMode;
  readonly state: ConnectionState;
  readonly stateReason: string | null;
  readonly stateChangedAt: number;
  readonly dueAt: number | null;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
  readonly grantHardExpiresAt: number | null;
  readonly strikes: number;
  readonly failures: number;
  readonly unknownSince: number | null;
  readonly lastOutcome: string | null;
  readonly lastAttemptAt: number | null;
  readonly lastRefreshedAt: number | null;
  readonly createdAt: number;
  readonly generation: number | null;
  readonly storedAt: number | null;
  /** The first characters of the fingerprint of the current refresh token, in hex. */
  readonly fingerprint: string | null;
  /** Token sets that were kept but are not current. */
  readonly candidates: number;
  readonly tenants: readonly { readonly id: string; readonly name: string | null }[];
  /** The refresh in flight, or one that was never settled when its lease has ended. */
  readonly intent: { readonly holder: string; readonly claimedAt: number; readonly leaseExpiresAt: number } | null;
  /** The latest of the journal, oldest first. */
  readonly events: readonly JournalEntry[];
}

export interface JournalEntry {
  readonly at: number;
  readonly kind: string;
  readonly generation: number | null;
  readonly detail: unknown;
}

/**
 * Reads everything that people may know of a connection.
 *
 * @param events how many of the latest journal entries
 * @returns null when there is no such connection
 */
export async function loadConnection(
  { prisma }: Pick<Store, "prisma">,
  id: string,
  { events: most }: { readonly events: number },
): Promise<ConnectionDetail | null> {
  const [row, events] = await Promise.all([
    prisma.connection.findUnique({ where: { id }, include: SURROUNDINGS }),
    prisma.refreshEvent.findMany({ where: { connectionId: id }, orderBy: { id: "desc" }, take: most }),
  ]);
  if (row === null) return null;
  const { tokenSet, intent } = row;
  return {
    id: row.id,
    app: row.app,
    customer: row.customer,
    mode: row.mode,
    state: row.state,
    stateReason: row.stateReason,
    stateChangedAt: row.stateChangedAt.getTime(),
    dueAt: epochMs(row.dueAt),
    accessTokenExpiresAt: epochMs(row.accessTokenExpiresAt),
    grantExpiresAt: epochMs(row.grantExpiresAt),
    grantHardExpiresAt: epochMs(row.grantHardExpiresAt),
    strikes: row.strikes,
    failures: row.failures,
    unknownSince: epochMs(row.unknownSince),
    lastOutcome: row.lastOutcome,
    lastAttemptAt: epochMs(row.lastAttemptAt),
    lastRefreshedAt: epochMs(row.lastRefreshedAt),
    createdAt: row.createdAt.getTime(),
    generation: tokenSet?.generation ?? null,
    storedAt: epochMs(tokenSet?.storedAt ?? null),
    fingerprint:
      tokenSet === null ? null : Buffer.from(tokenSet.fingerprint).toString("hex").slice(0, FINGERPRINT_CHARACTERS),
    candidates: row._count.candidates,
    tenants: row.tenants,
    intent:
      intent === null
        ? null
        : {
            holder: intent.holder,
            claimedAt: intent.claimedAt.getTime(),
            leaseExpiresAt: intent.leaseExpiresAt.getTime(),
          },
    events: events
      .toReversed()
      .map(({ at, kind, generation, detail }) => ({ at: at.getTime(), kind, generation, detail })),
  };
}

const SURROUNDINGS = {
  app: { select: { id: true, provider: true, environment: true, breakerState: true } },
  tokenSet: { select: { generation: true, storedAt: true, fingerprint: true } },
  tenants: { select: { id: true, name: true }, orderBy: { id: "asc" } },
  intent: { select: { holder: true, claimedAt: true, leaseExpiresAt: true } },
  _count: { select: { candidates: true } },
} as const;

function epochMs(time: Date | null): number | null {
  return time?.getTime() ?? null;
}
