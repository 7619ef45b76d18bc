import { toBase64 } from "../client.ts";
import { Prisma } from "../generated/client.ts";
import { WITH_PAST } from "../refresh/settle.ts";
import type { TokenVault } from "../secrets/index.ts";
import type { PlannedWrite } from "./plan-import.ts";

/**
 * Writes planned grants in one statement, tenants in a second. The connections of the plan are
 * already locked by this transaction.
 *
 * @returns false when another importer stored one of the new connections or tokens meanwhile; the
 *   transaction must then be rolled back
 */
export async function writeImport(
  tx: Prisma.TransactionClient,
  vault: TokenVault,
  writes: readonly PlannedWrite[],
): Promise<boolean> {
  if (writes.length === 0) return true;
  const [written] = await tx.$queryRaw<{ connections: number; fingerprints: number }[]>(grantStatement(vault, writes));
  const planned = writes.reduce((sum, write) => sum + write.fingerprints.length, 0);
  if (written?.connections !== writes.length || written.fingerprints !== planned) return false;
  const withTenants = writes.filter((write) => write.line.tenants.length > 0);
  if (withTenants.length > 0) await tx.$executeRaw(tenantStatement(withTenants));
  return true;
}

/**
 * A new grant under a known connection begins without a past: nothing that was learnt of the old one,
 * its strikes, its limits or its last outcome, says anything about it.
 */
function grantStatement(vault: TokenVault, writes: readonly PlannedWrite[]): Prisma.Sql {
  return Prisma.sql`
    WITH input AS (${inputRows(vault, writes)}), created AS (
      INSERT INTO connection (id, app_id, customer, mode, due_at, access_token_expires_at, grant_expires_at)
      SELECT id, app_id, customer, mode, due_at, access_token_expires_at, grant_expires_at
      FROM input WHERE previous_state IS NULL ORDER BY id
      ON CONFLICT (id) DO NOTHING
      RETURNING id
    ), renewed AS (
      UPDATE connection c
      SET state = 'active', state_reason = CASE WHEN c.state <> 'active' THEN 'reconnected' ELSE c.state_reason END,
          state_changed_at = CASE WHEN c.state <> 'active' THEN now() ELSE c.state_changed_at END,
          customer = coalesce(i.customer, c.customer), mode = i.mode, due_at = i.due_at,
          access_token_expires_at = i.access_token_expires_at, grant_expires_at = i.grant_expires_at,
          grant_hard_expires_at = NULL, strikes = 0, first_strike_at = NULL, failures = 0, unknown_since = NULL,
          last_outcome = NULL, last_attempt_at = NULL, last_refreshed_at = NULL
      FROM input i WHERE c.id = i.id AND i.previous_state IS NOT NULL
      RETURNING c.id
    ), stored AS (
      SELECT id FROM created UNION ALL SELECT id FROM renewed
    ), tokens AS (
      INSERT INTO token_set AS t (connection_id, generation, refresh_token, access_token, fingerprint, secret_id, stored_at)
      SELECT i.id, i.generation, i.refresh_token, i.access_token, i.fingerprint, NULL, clock_timestamp()
      FROM input i JOIN stored USING (id)
      ON CONFLICT (connection_id) DO UPDATE
        SET generation = excluded.generation, refresh_token = excluded.refresh_token,
            access_token = excluded.access_token, replaced = ${WITH_PAST}, fingerprint = excluded.fingerprint,
            secret_id = NULL, stored_at = excluded.stored_at
    ), fenced AS (
      DELETE FROM refresh_intent r USING renewed WHERE r.connection_id = renewed.id
    ), seen AS (
      INSERT INTO grant_fingerprint (fingerprint, connection_id)
      SELECT decode(f.hex, 'hex'), f.id FROM (${fingerprintRows(writes)}) AS f JOIN stored USING (id)
      ORDER BY f.hex
      ON CONFLICT (fingerprint) DO UPDATE SET connection_id = excluded.connection_id
        WHERE grant_fingerprint.connection_id = excluded.connection_id
      RETURNING fingerprint
    ), journal AS (
      INSERT INTO refresh_event (app_id, connection_id, kind, generation, detail)
      SELECT i.app_id, i.id, CASE WHEN i.previous_state IS NULL THEN 'imported' ELSE 'reconnected' END, i.generation,
             CASE WHEN i.previous_state IS NULL THEN '{}' ELSE jsonb_build_object('previousState', i.previous_state) END
      FROM input i JOIN stored USING (id) ORDER BY i.id
    )
    SELECT (SELECT count(*)::int FROM stored) AS connections, (SELECT count(*)::int FROM seen) AS fingerprints`;
}

/** Ciphertexts travel as base64 text: Prisma takes the type of a list from its first element. */
function inputRows(vault: TokenVault, writes: readonly PlannedWrite[]): Prisma.Sql {
  const column = <T>(read: (write: PlannedWrite) => T): T[] => writes.map(read);
  const time = (read: (write: PlannedWrite) => number | null): (Date | null)[] =>
    column((write) => toDate(read(write)));
  return Prisma.sql`
    SELECT id, app_id, customer, mode, previous_state, generation, due_at, access_token_expires_at, grant_expires_at,
           decode(refresh_token, 'base64') AS refresh_token, decode(access_token, 'base64') AS access_token,
           decode(fingerprint, 'hex') AS fingerprint
    FROM unnest(
      ${column(({ line }) => line.id)}::text[], ${column(({ line }) => line.appId)}::text[],
      ${column(({ line }) => line.customer)}::text[], ${column(({ mode }) => mode)}::refresh_mode[],
      ${column(({ previousState }) => previousState)}::text[], ${column(({ generation }) => generation)}::int[],
      ${time(({ dueAt }) => dueAt)}::timestamptz[], ${time(({ line }) => line.accessTokenExpiresAt)}::timestamptz[],
      ${time(({ line }) => line.refreshTokenExpiresAt)}::timestamptz[],
      ${column((write) => seal(vault, write, "refreshToken"))}::text[],
      ${column((write) => seal(vault, write, "accessToken"))}::text[],
      ${column(({ fingerprints }) => fingerprints.at(-1))}::text[]
    ) AS s(id, app_id, customer, mode, previous_state, generation, due_at, access_token_expires_at, grant_expires_at,
           refresh_token, access_token, fingerprint)`;
}

function seal(
  vault: TokenVault,
  { line, generation }: PlannedWrite,
  field: "refreshToken" | "accessToken",
): string | null {
  const token = line[field];
  return token === null ? null : toBase64(vault.sealToken({ connectionId: line.id, field, generation }, token));
}

function fingerprintRows(writes: readonly PlannedWrite[]): Prisma.Sql {
  const rows = writes.flatMap(({ line, fingerprints }) => fingerprints.map((hex) => ({ id: line.id, hex })));
  return Prisma.sql`SELECT id, hex FROM unnest(${rows.map((row) => row.id)}::text[], ${rows.map((row) => row.hex)}::text[]) AS u(id, hex)`;
}

/** The tenants of a line take the place of those stored; a line without any leaves them. */
function tenantStatement(writes: readonly PlannedWrite[]): Prisma.Sql {
  const rows = writes.flatMap(({ line }) => line.tenants.map((tenant) => ({ ...tenant, connectionId: line.id })));
  return Prisma.sql`
    WITH input AS (
      SELECT DISTINCT ON (connection_id, id) connection_id, id, name
      FROM unnest(${rows.map((row) => row.connectionId)}::text[], ${rows.map((row) => row.id)}::text[],
                  ${rows.map((row) => row.name)}::text[]) AS u(connection_id, id, name)
    ), gone AS (
      DELETE FROM tenant t
      WHERE t.connection_id IN (SELECT connection_id FROM input)
        AND NOT EXISTS (SELECT FROM input i WHERE i.connection_id = t.connection_id AND i.id = t.id)
    )
    INSERT INTO tenant (connection_id, id, name)
    SELECT connection_id, id, name FROM input
    ON CONFLICT (connection_id, id) DO UPDATE SET name = excluded.name`;
}

function toDate(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}
