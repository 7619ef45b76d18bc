import type { Store } from "../client.ts";
import { IN_DOUBT, IS_SCHEDULED } from "./in-doubt.ts";

/**
 * Takes an operator's word that the connections of an app that were refused, too few for a wave, have really been left by
 * their customers: nobody has to vouch for the app any more, and the next refusal of each, which is asked for now, ends
 * its grant. Those that are refused later are judged as ever. Changes nothing while the app's breaker is not closed.
 *
 * @returns how many connections it is about
 * @throws the driver's error when the database is away; trying again is safe
 */
export async function acceptRefusals({ prisma }: Pick<Store, "prisma">, appId: string): Promise<number> {
  const [row] = await prisma.$queryRaw<{ connections: number }[]>`
    WITH app AS (
      SELECT a.id, a.breaker_accepted_at FROM oauth_app a WHERE a.id = ${appId} AND a.breaker_state = 'closed'
      FOR NO KEY UPDATE
    ), refused AS (
      SELECT c.id FROM app a JOIN connection c ON c.app_id = a.id
      WHERE ${IN_DOUBT} AND ${IS_SCHEDULED}
      ORDER BY c.id
      FOR NO KEY UPDATE OF c
    ), counted AS (
      SELECT count(*)::int AS connections FROM refused
    ), accepted AS (
      UPDATE oauth_app o SET breaker_accepted_at = clock_timestamp()
      FROM app, counted WHERE o.id = app.id AND counted.connections > 0
    ), forward AS (
      UPDATE connection c SET due_at = least(c.due_at, date_trunc('milliseconds', now()))
      FROM refused WHERE c.id = refused.id
    ), journal AS (
      INSERT INTO refresh_event (app_id, kind, detail)
      SELECT app.id, 'refusals_accepted', jsonb_build_object('connections', counted.connections)
      FROM app, counted WHERE counted.connections > 0
    )
    SELECT connections FROM counted`;
  return row?.connections ?? 0;
}
