import { type Escrow, openEscrow } from "@evergrant/store/escrow";
import type { TokenVault } from "@evergrant/store/secrets";
import type { SimulatorClient, TokenCheck } from "@evergrant/testkit";
import type { Postgres } from "../world/postgres.ts";

/** A refresh token that Evergrant holds in a durable place, and what its provider says of it now. */
export interface HeldToken extends TokenCheck {
  readonly connectionId: string;
  readonly place: "token set" | "candidate" | "escrow";
}

/** Everything durable in which a refresh token can be, read with the key ring. */
export interface Holdings {
  /**
   * The tokens held for these connections, or for all of them. Waits for an escrow that cannot be read whole.
   *
   * @throws Error when that takes longer than any fault of a campaign
   */
  read(connectionIds?: readonly string[]): Promise<HeldToken[]>;
  countEscrow(): Promise<number>;
  close(): Promise<void>;
}

export function createHoldings(parts: {
  readonly postgres: Postgres;
  readonly vault: TokenVault;
  readonly provider: SimulatorClient;
  readonly redisUrl: string | null;
  readonly escrowDir: string;
}): Holdings {
  const { postgres, vault, provider } = parts;
  const escrow = openEscrow({
    redisUrl: parts.redisUrl ?? undefined,
    directory: parts.escrowDir,
    namespace: "evergrant",
    onError: () => {},
  });

  return {
    async read(connectionIds) {
      const wanted = connectionIds === undefined ? null : new Set(connectionIds);
      // In this order: what moves from the escrow into the tables meanwhile is seen twice, and never not at all.
      const waiting = (await readEscrow(escrow, vault)).filter(({ connectionId }) => wanted?.has(connectionId) ?? true);
      const stored = await postgres.query<StoredRow>(storedTokens, [connectionIds ?? null]);
      const tokens = [...stored.map((row) => ({ ...row, place: placeOf(row) })), ...waiting];
      const { tokens: checks } = await provider.check({ tokens: tokens.map((token) => open(vault, token)) });
      return tokens.flatMap(({ connectionId, place }, index) => {
        const check = checks[index];
        return check === undefined ? [] : [{ ...check, connectionId, place }];
      });
    },
    countEscrow: () => escrow.count(),
    close: () => escrow.close(),
  };
}

interface Sealed {
  readonly connectionId: string;
  /** That the token was sealed for. */
  readonly generation: number;
  readonly sealed: Uint8Array;
}

interface StoredRow extends Sealed {
  readonly current: boolean;
}

/** A candidate is kept under the generation whose token was presented, and sealed for the one after it. */
const storedTokens = `
  SELECT connection_id AS "connectionId", generation, refresh_token AS sealed, true AS current
  FROM token_set WHERE $1::text[] IS NULL OR connection_id = ANY($1)
  UNION ALL
  SELECT connection_id, generation + 1, refresh_token, false
  FROM token_candidate WHERE $1::text[] IS NULL OR connection_id = ANY($1)`;

function placeOf({ current }: StoredRow): HeldToken["place"] {
  return current ? "token set" : "candidate";
}

/** What waits there is a whole settlement; here only its tokens matter. */
async function readEscrow(
  escrow: Escrow,
  vault: TokenVault,
): Promise<(Sealed & { readonly place: HeldToken["place"] })[]> {
  const entries = await readWhole(escrow);
  return entries.flatMap(({ id, sealed }) => {
    const { settlement, tokens }: EscrowedSettlement = JSON.parse(vault.openSettlement(id, sealed));
    if (tokens === null) return [];
    return {
      connectionId: settlement.connectionId,
      generation: settlement.generation + 1,
      sealed: Buffer.from(tokens.refreshToken, "base64"),
      place: "escrow" as const,
    };
  });
}

const wholeWithinMs = 150_000;
const lookEveryMs = 200;

/** A token that waits where nobody can look now is not lost. */
async function readWhole(escrow: Escrow) {
  const deadline = Date.now() + wholeWithinMs;
  for (;;) {
    const { entries, complete } = await escrow.readAll();
    if (complete) return entries;
    if (Date.now() > deadline) throw new Error("The escrow could not be read whole.");
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

interface EscrowedSettlement {
  readonly settlement: { readonly connectionId: string; readonly generation: number };
  readonly tokens: { readonly refreshToken: string } | null;
}

function open(vault: TokenVault, { connectionId, generation, sealed }: Sealed): string {
  return vault.openToken({ connectionId, field: "refreshToken", generation }, sealed);
}
