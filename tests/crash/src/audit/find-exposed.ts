import type { World } from "../world/world.ts";
import type { HeldToken } from "./holdings.ts";

/** A connection that a worker held, and its grant. */
export interface InHand {
  readonly connectionId: string;
  readonly grantId: string;
  /** When the answer with its newest token had left the provider whole, epoch ms; null while it had not. */
  readonly deliveredAt: number | null;
}

export interface Findings {
  /** The connections whose refresh the worker had claimed and not settled. */
  readonly inHand: readonly string[];
  /** Of these, the ones whose newest token is in none of our durable places, at a provider without grace. */
  readonly exposed: readonly InHand[];
  /** False when a lease ran out before all was read: another worker may have changed what was found. */
  readonly isCertain: boolean;
}

/** A refresh that a worker has claimed. */
export interface ClaimInHand {
  readonly connectionId: string;
  readonly appId: string;
  /** Epoch ms. */
  readonly claimedAt: number;
  readonly isAlive: boolean;
}

/**
 * Finds out what a worker took with it that died or stopped: the claims under its name whose token the
 * provider has rotated since, where no token that we hold is accepted.
 *
 * To be called when all that it had sent has been carried out (its database sessions are idle or gone, its
 * token requests have been looked at) and before its leases end. Then nobody else touches these grants.
 *
 * @param seen what it held when it died or stopped: a claim that has left its name since was settled, or taken over
 */
export async function findExposed(
  world: World,
  holder: string | null,
  seen: readonly ClaimInHand[] = [],
): Promise<Findings> {
  const own = holder === null ? [] : await readClaims(world, holder);
  const isOwn = new Set(own.map(({ connectionId }) => connectionId));
  const claims = [...own, ...seen.filter(({ connectionId }) => !isOwn.has(connectionId))];
  const ids = claims.map((claim) => claim.connectionId);
  const risky = claims.filter((claim) => !hasGrace(world, claim.appId));
  if (risky.length === 0) return { inHand: ids, exposed: [], isCertain: true };

  const held = await world.holdings.read(risky.map((claim) => claim.connectionId));
  const exposed = risky.flatMap((claim) => {
    const tokens = ofOneGrant(held.filter((token) => token.connectionId === claim.connectionId));
    return isOutOfReach(tokens, claim.claimedAt) ? inHand(tokens, claim.claimedAt) : [];
  });
  const still = exposed.length === 0 ? [] : await readClaims(world, holder ?? "");
  const alive = new Set(still.filter((claim) => claim.isAlive).map((claim) => claim.connectionId));
  return { inHand: ids, exposed, isCertain: exposed.every(({ connectionId }) => alive.has(connectionId)) };
}

/** Column and provider are of one clock; the column is rounded to whole milliseconds. */
const roundingMs = 2;

/** Nothing that we hold is accepted, and the newest token came out of the request that this claim was made for. */
export function isOutOfReach(tokens: readonly HeldToken[], claimedAt: number): boolean {
  if (tokens.some((token) => token.accepted)) return false;
  return tokens.some(({ grant }) => grant !== undefined && grant.newestIssuedAt >= claimedAt - roundingMs);
}

/** Those of the grant that is the connection's now: a candidate may be left from the one before. */
function ofOneGrant(tokens: readonly HeldToken[]): HeldToken[] {
  const grantId = tokens.find((token) => token.place === "token set")?.grantId ?? null;
  return tokens.filter((token) => grantId !== null && token.grantId === grantId);
}

function inHand([first]: readonly HeldToken[], claimedAt: number): InHand[] {
  if (first === undefined || first.grantId === null) return [];
  const { connectionId, grantId, grant } = first;
  const deliveredAt = grant?.lastDeliveredAt ?? null;
  return [{ connectionId, grantId, deliveredAt: (deliveredAt ?? 0) < claimedAt - roundingMs ? null : deliveredAt }];
}

/** What a worker has claimed at this moment. */
export function readClaims({ postgres }: World, holder: string): Promise<ClaimInHand[]> {
  return postgres.query<ClaimInHand>(
    `SELECT connection_id AS "connectionId", app_id AS "appId",
            (extract(epoch FROM claimed_at) * 1000)::float8 AS "claimedAt",
            lease_expires_at > clock_timestamp() AS "isAlive"
     FROM refresh_intent WHERE holder = $1`,
    [holder],
  );
}

export function hasGrace({ apps }: Pick<World, "apps">, appId: string): boolean {
  return apps.find((app) => app.id === appId)?.hasGrace ?? false;
}
