import type { Store } from "../client.ts";
import type { Lease } from "./lease.ts";

/** A token set that reached us and was never current. */
export interface Candidate {
  readonly id: bigint;
  /** The generation that its refresh token was sealed for. */
  readonly generation: number;
  /** Ciphertext, bound to connection and generation. */
  readonly refreshToken: Uint8Array;
}

/**
 * The candidate to be presented next for a connection that we hold: the newest that is not in `tried`. It is
 * marked before it is returned, so that a crash leaves written which token may have been spent.
 *
 * @returns null when there is none, or when the lease has been taken over
 * @throws the driver's error
 */
export async function nextCandidate(
  { prisma }: Pick<Store, "prisma">,
  { connectionId, intentId }: Lease,
  tried: readonly bigint[],
): Promise<Candidate | null> {
  const [row] = await prisma.$queryRaw<{ id: string; generation: number; token: string }[]>`
    UPDATE token_candidate SET presented_at = clock_timestamp()
    WHERE id = (
      SELECT k.id FROM token_candidate k JOIN refresh_intent i ON i.connection_id = k.connection_id
      WHERE k.connection_id = ${connectionId} AND i.intent_id = ${intentId}::uuid
        AND k.id <> ALL(${tried.map(String)}::text[]::bigint[])
      ORDER BY k.generation DESC, k.id DESC LIMIT 1)
    RETURNING id::text, generation + 1 AS generation, encode(refresh_token, 'base64') AS token`;
  if (row === undefined) return null;
  return { id: BigInt(row.id), generation: row.generation, refreshToken: Buffer.from(row.token, "base64") };
}

/**
 * Notes that its provider has refused a candidate. Like a current token it is given up only at a second refusal, at
 * least `strikeGapMs` after the first: a passing fault, or a mistake of ours, must not cost the living one.
 *
 * @throws the driver's error; trying again is safe
 */
export async function refuseCandidate(
  { prisma }: Pick<Store, "prisma">,
  { id, strikeGapMs }: { readonly id: bigint; readonly strikeGapMs: number },
): Promise<void> {
  await prisma.$executeRaw`
    WITH given_up AS (
      DELETE FROM token_candidate
      WHERE id = ${id}::bigint
        AND refused_at <= clock_timestamp() - ${strikeGapMs}::float8 * interval '1 millisecond'
    )
    UPDATE token_candidate SET refused_at = clock_timestamp() WHERE id = ${id}::bigint AND refused_at IS NULL`;
}
