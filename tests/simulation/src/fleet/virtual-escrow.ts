import type { Escrow, EscrowEntry } from "@evergrant/store/escrow";
import { textToSettlement } from "@evergrant/worker/settlement-text";
import { plainVault } from "./plain-vault.ts";

/** The escrow in the fleet's Redis: one for all workers, gone when Redis is emptied. */
export class VirtualEscrow implements Escrow {
  readonly hasPlace = true;
  isAway = false;
  readonly #entries = new Map<string, EscrowEntry>();
  readonly #onPut: () => void;

  constructor(onPut: () => void) {
    this.#onPut = onPut;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(intentId: string): boolean {
    return this.#entries.has(intentId);
  }

  /** Whether a token set of a connection waits here for anybody who looks. */
  offersTokensOf(connectionId: string): boolean {
    if (this.isAway || this.#entries.size === 0) return false;
    return [...this.#entries].some(([intentId, { sealed }]) => {
      const { settlement } = textToSettlement(plainVault.openSettlement(intentId, sealed));
      return settlement.connectionId === connectionId && settlement.tokens !== null;
    });
  }

  /** What is lost when Redis forgets. */
  empty(): string[] {
    const ids = [...this.#entries.keys()];
    this.#entries.clear();
    return ids;
  }

  async put(entries: readonly EscrowEntry[]): Promise<void> {
    this.#requireReachable();
    for (const entry of entries) this.#entries.set(entry.id, entry);
    this.#onPut();
  }

  async readAll(): Promise<{ readonly entries: readonly EscrowEntry[]; readonly complete: boolean }> {
    return this.isAway ? { entries: [], complete: false } : { entries: [...this.#entries.values()], complete: true };
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.#requireReachable();
    for (const id of ids) this.#entries.delete(id);
  }

  async count(): Promise<number> {
    this.#requireReachable();
    return this.#entries.size;
  }

  /** No worker of the simulation is cut off from the database alone. */
  async markAwaited(): Promise<void> {}

  async readAwaited(): Promise<{ readonly awaited: ReadonlySet<string>; readonly complete: boolean }> {
    return { awaited: new Set(), complete: !this.isAway };
  }

  async close(): Promise<void> {}

  #requireReachable(): void {
    if (this.isAway) throw new Error("The escrow does not answer.");
  }
}
