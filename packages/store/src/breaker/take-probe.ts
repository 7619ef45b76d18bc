import type { Store } from "../client.ts";
import { Prisma } from "../generated/client.ts";
import { IN_DOUBT, IS_SCHEDULED } from "./in-doubt.ts";

/**
 * `try`: this connection, and no other of the app, may be refreshed now. `wait`: not yet time, or all that
 * could be tried are in flight. `nobody`: there is no connection whose answer could close the breaker.
 * `closed`: it is closed already, or there is no such app.
 */
export type Probe =
  | { readonly kind: "try"; readonly connectionId: string }
  | { readonly kind: "wait" | "nobody" | "closed" };

/**
 * The connection by which an open breaker finds out whether it may close: a new one each `probeMs`, in
 * between the one that is on its way. It is made due. The worker that tries it reports to `endProbe`; one
 * that dies costs a period, then the next connection is tried.
 *
 * After a wave of rejections it is a refused one: only its success shows that the wave was our mistake.
 * Otherwise it is the one that is due first, and rather one that was refreshed before than one that never
 * worked, so that faulty imports cannot keep an app from being found in order. Each failed try puts a
 * connection behind the others.
 *
 * Schedulers that ask at once get the same answer.
 *
 * @throws the driver's error when the database is away
 */
export async function takeProbe(
  { prisma }: Pick<Store, "prisma">,
  { appId, probeMs }: { readonly appId: string; readonly probeMs: number },
): Promise<Probe> {
  const [row] = await prisma.$queryRaw<ProbeRow[]>`
    WITH app AS (
      SELECT a.id, a.breaker_reason, a.breaker_accepted_at, a.breaker_state, a.breaker_probe_id,
             coalesce(a.breaker_probe_at <= clock_timestamp(), true) AS is_time
      FROM oauth_app a WHERE a.id = ${appId} AND a.breaker_state <> 'closed'
      FOR NO KEY UPDATE
    ), chosen AS (
      SELECT CASE WHEN a.breaker_reason = 'rejections' THEN (${longestRefused(IS_FREE, UNHELD)})
          ELSE coalesce((${firstDue(WORKED_BEFORE, UNHELD)}), (${firstDue(IS_FREE, UNHELD)}))
        END AS id
      FROM app a WHERE a.is_time
    ), due AS (
      UPDATE connection c SET due_at = least(c.due_at, date_trunc('milliseconds', now()))
      FROM chosen WHERE c.id = chosen.id AND ${IS_SCHEDULED}
    ), taken AS (
      UPDATE oauth_app o
      SET breaker_state = CASE WHEN chosen.id IS NULL THEN 'open' ELSE 'half_open' END::breaker_state,
          breaker_probe_id = chosen.id,
          breaker_probe_at = clock_timestamp() + ${probeMs}::float8 * interval '1 millisecond'
      FROM app a, chosen WHERE o.id = a.id
    )
    SELECT CASE WHEN a.is_time THEN chosen.id WHEN a.breaker_state = 'half_open' THEN a.breaker_probe_id END AS id,
           a.is_time AND chosen.id IS NULL AND CASE WHEN a.breaker_reason = 'rejections'
             THEN (${longestRefused(ANY)}) ELSE (${firstDue(ANY)}) END IS NULL AS nobody
    FROM app a LEFT JOIN chosen ON true`;
  if (row === undefined) return { kind: "closed" };
  if (row.id !== null) return { kind: "try", connectionId: row.id };
  return { kind: row.nobody ? "nobody" : "wait" };
}

interface ProbeRow {
  readonly id: string | null;
  readonly nobody: boolean;
}

const ANY = Prisma.sql`true`;

/** A worker could claim it: a connection in flight, or one that lost its tokens, would only cost a turn. */
const IS_FREE = Prisma.sql`(
  EXISTS (SELECT FROM token_set t WHERE t.connection_id = c.id)
  AND NOT EXISTS (
    SELECT FROM refresh_intent i WHERE i.connection_id = c.id AND i.lease_expires_at > clock_timestamp()))`;

const WORKED_BEFORE = Prisma.sql`${IS_FREE} AND c.last_refreshed_at IS NOT NULL`;
/** A row that somebody holds would hold up every app's tick. */
const UNHELD = Prisma.sql`FOR NO KEY UPDATE OF c SKIP LOCKED`;

function longestRefused(condition: Prisma.Sql, locking = Prisma.empty): Prisma.Sql {
  return Prisma.sql`
    SELECT c.id FROM connection c
    WHERE c.app_id = a.id AND ${IN_DOUBT} AND ${IS_SCHEDULED} AND ${condition}
    ORDER BY c.last_attempt_at NULLS FIRST, c.id LIMIT 1 ${locking}`;
}

/** Follows the index by due time, so it reads little of even a large app. */
function firstDue(condition: Prisma.Sql, locking = Prisma.empty): Prisma.Sql {
  return Prisma.sql`
    SELECT c.id FROM connection c
    WHERE c.app_id = a.id AND ${IS_SCHEDULED} AND ${condition}
    ORDER BY c.due_at, c.id LIMIT 1 ${locking}`;
}
