import type { RefreshFailed } from "@evergrant/core";
import type { Store } from "../../src/client.ts";
import type { Prisma } from "../../src/generated/client.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Of the form that the database insists on; no report opens them. */
const FINGERPRINT = new Uint8Array(16);
const SEALED = new Uint8Array(40);

type NewConnection = Partial<Prisma.ConnectionUncheckedCreateInput>;
type NewTally = Partial<Prisma.RefreshTallyUncheckedCreateInput>;

/** Writes rows as the fleet would, as old as a test needs them: every `…Ms` counts from the database's clock. */
export function reportRows({ prisma }: Pick<Store, "prisma">) {
  let connections = 0;
  return {
    now: databaseTime,

    async app(id: string, app: Partial<Prisma.OAuthAppUncheckedCreateInput> = {}): Promise<void> {
      await prisma.oAuthApp.create({
        data: { id, provider: "xero", environment: "production", clientId: "client", ...app },
      });
    },

    async connection(appId: string, connection: NewConnection = {}): Promise<string> {
      connections += 1;
      const row = await prisma.connection.create({
        data: { id: `connection-${connections}`, appId, mode: "fresh", ...connection },
      });
      return row.id;
    },

    async tally(appId: string, agoMs: number, tally: NewTally): Promise<void> {
      const minute = Math.floor(((await databaseTime()) - agoMs) / MINUTE_MS) * MINUTE_MS;
      await prisma.refreshTally.create({
        data: {
          bucketAt: new Date(minute),
          appId,
          outcome: "rotated",
          refreshes: 1n,
          durationMsSum: 0n,
          latenessMsSum: 0n,
          latenessMsMax: 0,
          ...tally,
        },
      });
    },

    async intent(
      connectionId: string,
      appId: string,
      { claimedAgoMs, leaseLeftMs }: { claimedAgoMs: number; leaseLeftMs: number },
    ) {
      const now = await databaseTime();
      await prisma.refreshIntent.create({
        data: {
          connectionId,
          appId,
          intentId: crypto.randomUUID(),
          generation: 1,
          fingerprint: FINGERPRINT,
          holder: "worker",
          claimedAt: new Date(now),
          leaseExpiresAt: new Date(now + leaseLeftMs),
          firstClaimedAt: new Date(now - claimedAgoMs),
        },
      });
    },

    async candidate(connectionId: string): Promise<void> {
      await prisma.tokenCandidate.create({
        data: { connectionId, generation: 1, refreshToken: SEALED, fingerprint: FINGERPRINT },
      });
    },

    async failure(connectionId: string, appId: string, failure: Partial<RefreshFailed> = {}): Promise<void> {
      const { kind, ...detail } = { ...aFailure, ...failure };
      await prisma.refreshEvent.create({
        data: { connectionId, appId, kind, detail: JSON.parse(JSON.stringify(detail)) },
      });
    },
  };

  async function databaseTime(): Promise<number> {
    const [row] = await prisma.$queryRaw<{ ms: number }[]>`SELECT (extract(epoch FROM now()) * 1000)::float8 AS ms`;
    if (row === undefined) throw new Error("the database has no clock");
    return row.ms;
  }
}

const aFailure: RefreshFailed = {
  kind: "refresh_failed",
  outcome: "unavailable",
  reason: "http_503",
  cause: null,
  strikes: 0,
  failures: 1,
  retryInMs: 1_000,
  evidence: { status: 503, requestId: null, error: null, errorDescription: null },
};
