import type { ConnectionState, RefreshMode } from "@evergrant/core";
import type { Prisma } from "../generated/client.ts";
import type { ConnectionToImport } from "./connection-to-import.ts";
import type { KnownGrants } from "./plan-import.ts";

/**
 * Locks the stored connections of a batch until the transaction ends, then reads them and the owners
 * of the batch's tokens. Two statements: one that both locked and read could return a token set from
 * before the settle that it waited for.
 *
 * A connection may have lost its token set, as when that table alone was restored from a backup: its next
 * generation is then above every one that is known of it.
 *
 * @param fingerprints of the batch's refresh tokens, in hex
 */
export async function readKnownGrants(
  tx: Prisma.TransactionClient,
  batch: readonly ConnectionToImport[],
  fingerprints: readonly string[],
): Promise<KnownGrants> {
  const ids = batch.map((line) => line.id);
  const clock = await tx.$queryRaw<{ now: Date }[]>`
    WITH locked AS (
      SELECT c.id FROM connection c WHERE c.id = ANY(${ids}::text[]) ORDER BY c.id FOR NO KEY UPDATE
    )
    SELECT clock_timestamp() AS now, count(*) FROM locked`;
  const connections = await tx.$queryRaw<KnownRow[]>`
    SELECT c.id, c.app_id, c.state::text, c.mode::text, encode(t.fingerprint, 'hex') AS fingerprint,
           CASE WHEN t.connection_id IS NOT NULL THEN t.generation ELSE (
             SELECT coalesce(max(known.generation), 0) FROM (
               SELECT generation FROM refresh_intent WHERE connection_id = c.id
               UNION ALL SELECT generation + 1 FROM token_candidate WHERE connection_id = c.id
               UNION ALL SELECT generation FROM refresh_event WHERE connection_id = c.id) AS known) END AS generation
    FROM connection c LEFT JOIN token_set t ON t.connection_id = c.id
    WHERE c.id = ANY(${ids}::text[])`;
  const owners = await tx.$queryRaw<{ fingerprint: string; connection_id: string }[]>`
    SELECT encode(g.fingerprint, 'hex') AS fingerprint, g.connection_id
    FROM unnest(${[...fingerprints]}::text[]) AS f(hex) JOIN grant_fingerprint g ON g.fingerprint = decode(f.hex, 'hex')`;
  return {
    connections: new Map(connections.map(({ id, app_id, ...row }) => [id, { ...row, appId: app_id }])),
    owners: new Map(owners.map((row) => [row.fingerprint, row.connection_id])),
    now: clock[0]?.now.getTime() ?? Date.now(),
  };
}

interface KnownRow {
  readonly id: string;
  readonly app_id: string;
  readonly state: ConnectionState;
  readonly mode: RefreshMode;
  readonly generation: number;
  readonly fingerprint: string | null;
}
