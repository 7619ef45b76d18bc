import type { BreakerReason } from "@evergrant/core";
import type { Store } from "../client.ts";

/** What speaks for opening, for people. Numbers only. */
export type BreakerEvidence = Readonly<Record<string, number>>;

/**
 * Opens an app's breaker, unless somebody else has, or its state has changed since the evidence began:
 * what was answered before an operator closed it says nothing about afterwards. Journal and outbox tell
 * of it in the same statement.
 *
 * @param evidenceFrom when the oldest piece of the evidence was gathered, epoch ms of the database's clock
 * @param probeMs after this the first probe is made
 * @returns whether it was this call that opened it
 * @throws the driver's error when the database is away
 */
export async function openBreaker(
  { prisma }: Pick<Store, "prisma">,
  {
    appId,
    reason,
    evidence,
    evidenceFrom,
    probeMs,
  }: {
    readonly appId: string;
    readonly reason: BreakerReason;
    readonly evidence: BreakerEvidence;
    readonly evidenceFrom: number;
    readonly probeMs: number;
  },
): Promise<boolean> {
  const detail = JSON.stringify({ reason, ...evidence });
  const rows = await prisma.$queryRaw<unknown[]>`
    WITH opened AS (
      UPDATE oauth_app
      SET breaker_state = 'open', breaker_reason = ${reason}, breaker_changed_at = clock_timestamp(),
          breaker_probe_at = clock_timestamp() + ${probeMs}::float8 * interval '1 millisecond', breaker_probe_id = NULL
      WHERE id = ${appId} AND breaker_state = 'closed'
        AND (breaker_changed_at IS NULL OR breaker_changed_at <= ${new Date(evidenceFrom)}::timestamptz)
      RETURNING id
    ), journal AS (
      INSERT INTO refresh_event (app_id, kind, detail) SELECT id, 'breaker_opened', ${detail}::jsonb FROM opened
    ), told AS (
      INSERT INTO outbox (kind, payload)
      SELECT 'app.breaker_opened', jsonb_build_object('app', id) || ${detail}::jsonb FROM opened
    )
    SELECT id FROM opened`;
  return rows.length > 0;
}
