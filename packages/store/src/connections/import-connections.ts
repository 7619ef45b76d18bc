import type { ProviderDescriptor } from "@evergrant/core";
import type { Store } from "../client.ts";
import type { Prisma } from "../generated/client.ts";
import type { TokenVault } from "../secrets/index.ts";
import type { ConnectionToImport, ImportResult } from "./connection-to-import.ts";
import { planImport } from "./plan-import.ts";
import { readKnownGrants } from "./read-known-grants.ts";
import { writeImport } from "./write-import.ts";

/** A batch of 1,000 takes well under a second; the bound is for a database under heavy load. */
const TRANSACTION = { maxWait: 30_000, timeout: 60_000 } as const;
/** Each lost race means that another importer stored the same connection or token in that moment. */
const MOST_RACES = 5;

/**
 * Stores grants from outside, many at once, in one transaction: connections, sealed tokens,
 * fingerprints, tenants, journal. One bad line never fails its neighbours, and importing the same
 * lines again changes nothing.
 *
 * Safe against a refresh in flight and against other importers: existing rows are locked in the order
 * of their ids, as every writer does. Replacing a grant removes the open intent, so an answer to the
 * old grant that arrives later is settled as stale. After a crash the batch is stored whole or not at all.
 *
 * @param vault its key seals the tokens; only ciphertexts reach the database
 * @param descriptors by app id; a line of an app that is not here is rejected
 * @param batch best 1,000 lines or fewer
 * @returns one result per line, in order
 * @throws the driver's error when the database is away
 */
export async function importConnections(
  { prisma }: Pick<Store, "prisma">,
  vault: TokenVault,
  descriptors: ReadonlyMap<string, ProviderDescriptor>,
  batch: readonly ConnectionToImport[],
  { replace = false }: { readonly replace?: boolean } = {},
): Promise<readonly ImportResult[]> {
  if (batch.length === 0) return [];
  for (let races = 0; ; races++) {
    const results = await prisma
      .$transaction((tx) => tryImport(tx, vault, descriptors, batch, replace), TRANSACTION)
      .catch((error: unknown) => {
        if (races < MOST_RACES && isLostRace(error)) return null;
        throw error;
      });
    if (results !== null) return results;
  }
}

/** Rolls the transaction back; the next try sees what the other importer stored. */
class LostRace extends Error {
  override readonly name = "LostRace";
}

async function tryImport(
  tx: Prisma.TransactionClient,
  vault: TokenVault,
  descriptors: ReadonlyMap<string, ProviderDescriptor>,
  batch: readonly ConnectionToImport[],
  replace: boolean,
): Promise<readonly ImportResult[]> {
  const fingerprints = batch.map((line) => vault.fingerprint(line.refreshToken));
  const byToken = new Map(batch.map((line, index) => [line.refreshToken, hex(fingerprints[index])]));
  const known = await readKnownGrants(tx, batch, [...byToken.values()]);
  const plan = planImport(batch, known, descriptors, {
    replace,
    fingerprintOf: (token) => byToken.get(token) ?? hex(vault.fingerprint(token)),
  });
  if (!(await writeImport(tx, vault, plan.writes))) throw new LostRace();
  return plan.results;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

/** PostgreSQL's 40P01 (deadlock) and 40001 (serialization) also ask to be tried again. */
function isLostRace(error: unknown): boolean {
  if (error instanceof LostRace) return true;
  const text = error instanceof Error ? error.message : "";
  return /\b40P01\b|\b40001\b/.test(text);
}
