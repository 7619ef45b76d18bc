import type { Settlement } from "@evergrant/store";
import type { Escrow } from "@evergrant/store/escrow";
import type { TokenVault } from "@evergrant/store/secrets";
import { settlementToText, textToSettlement, type WaitingSettlement } from "./settlement-text.ts";

/** A token request: for a connection, with the token of this generation. */
export interface AwaitedRequest {
  readonly connectionId: string;
  readonly generation: number;
}

/** The escrow as this worker uses it: settlements in the clear on this side, sealed entries on the other. */
export interface EscrowKeeper {
  /** False when nothing can be put anywhere. */
  readonly hasPlace: boolean;
  /** @throws EscrowError when no place takes them */
  put(settlements: readonly Settlement[]): Promise<void>;
  /**
   * Forgets what has been settled. Never rejects: what could not be removed is skipped by `readAll` of this
   * process and removed with its next call.
   */
  remove(intentIds: readonly string[]): Promise<void>;
  /**
   * All that waits and was not settled by this process. `complete` is false when a place could not be looked into,
   * and `faults` says why.
   */
  readAll(): Promise<{
    readonly waiting: readonly WaitingSettlement[];
    readonly complete: boolean;
    readonly faults: readonly Error[];
  }>;
  /** Tells the others that the answers to these requests are still awaited here. @throws EscrowError when no place takes it */
  markAwaited(requests: readonly AwaitedRequest[], forMs: number): Promise<void>;
  /** Which of these somebody awaits the answer to, in order. `complete` is false when a place could not be looked into. */
  readAwaited(
    requests: readonly AwaitedRequest[],
  ): Promise<{ readonly awaited: readonly boolean[]; readonly complete: boolean }>;
}

/**
 * @param now epoch ms, for how long an entry has waited
 * @param onUnreadable told of an entry that does not open: it stays where it is, and holds up no other
 */
export function createEscrowKeeper({
  escrow,
  vault,
  now,
  onUnreadable,
}: {
  readonly escrow: Escrow;
  readonly vault: Pick<TokenVault, "sealSettlement" | "openSettlement">;
  readonly now: () => number;
  readonly onUnreadable: (intentId: string, error: unknown) => void;
}): EscrowKeeper {
  /** Settled, but still in the escrow as far as is known. */
  const settled = new Set<string>();

  const removeSettled = async () => {
    const ids = [...settled];
    if (ids.length === 0) return;
    try {
      await escrow.remove(ids);
      for (const id of ids) settled.delete(id);
    } catch {
      // Tried again with the next call; until then these ids are passed over.
    }
  };

  return {
    hasPlace: escrow.hasPlace,
    async put(settlements) {
      await escrow.put(
        settlements.map((settlement) => ({
          id: settlement.intentId,
          sealed: vault.sealSettlement(settlement.intentId, settlementToText({ settlement, putAt: now() })),
        })),
      );
    },
    async remove(intentIds) {
      for (const id of intentIds) settled.add(id);
      await removeSettled();
    },
    async readAll() {
      await removeSettled();
      const { entries, complete, faults } = await escrow.readAll();
      const open = entries.filter(({ id }) => !settled.has(id));
      return { waiting: open.flatMap(({ id, sealed }) => openEntry(id, sealed)), complete, faults };
    },
    markAwaited: (requests, forMs) => escrow.markAwaited(requests.map(nameOf), forMs),
    async readAwaited(requests) {
      const { awaited, complete } = await escrow.readAwaited(requests.map(nameOf));
      return { awaited: requests.map((request) => awaited.has(nameOf(request))), complete };
    },
  };

  function openEntry(id: string, sealed: Uint8Array): WaitingSettlement[] {
    try {
      return [textToSettlement(vault.openSettlement(id, sealed))];
    } catch (error) {
      onUnreadable(id, error);
      return [];
    }
  }
}

/** With its generation: what is awaited with a spent token keeps nobody from asking with the next one. */
function nameOf({ connectionId, generation }: AwaitedRequest): string {
  return `${generation}:${connectionId}`;
}
