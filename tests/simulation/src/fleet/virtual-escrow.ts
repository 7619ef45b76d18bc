import { type Escrow, type EscrowEntry, EscrowError } from "@evergrant/store/escrow";
import { textToSettlement } from "@evergrant/worker/settlement-text";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { plainVault } from "./plain-vault.ts";

/** The escrow in the fleet's Redis: one for all workers, gone when Redis is emptied. */
export class VirtualEscrow implements Escrow {
  readonly hasPlace = true;
  readonly #entries = new Map<string, EscrowEntry>();
  /** Until when, epoch ms, the answers to these requests are said to be awaited. */
  readonly #awaited = new Map<string, number>();
  readonly #clock: Pick<VirtualClock, "now">;
  readonly #onPut: () => void;
  #isAway = false;
  #troubleAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<VirtualClock, "now">, onPut: () => void) {
    this.#clock = clock;
    this.#onPut = onPut;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  set isAway(isAway: boolean) {
    this.#isAway = isAway;
    this.#troubleAt = this.#clock.now;
  }

  /** When it last could not be reached or forgot something, epoch ms. */
  get lastTroubleAt(): number {
    return this.#isAway ? this.#clock.now : this.#troubleAt;
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
    this.#awaited.clear();
    this.#troubleAt = this.#clock.now;
    return ids;
  }

  async put(entries: readonly EscrowEntry[]): Promise<void> {
    this.#requireReachable();
    for (const entry of entries) this.#entries.set(entry.id, entry);
    this.#onPut();
  }

  async readAll(): ReturnType<Escrow["readAll"]> {
    if (this.isAway) return { entries: [], complete: false, faults: [new EscrowError("The escrow is away.")] };
    return { entries: [...this.#entries.values()], complete: true, faults: [] };
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.#requireReachable();
    for (const id of ids) this.#entries.delete(id);
  }

  async count(): Promise<number> {
    this.#requireReachable();
    return this.#entries.size;
  }

  async markAwaited(requests: readonly string[], forMs: number): Promise<void> {
    this.#requireReachable();
    for (const request of requests) this.#awaited.set(request, this.#clock.now + forMs);
  }

  async readAwaited(
    requests: readonly string[],
  ): Promise<{ readonly awaited: ReadonlySet<string>; readonly complete: boolean }> {
    if (this.isAway) return { awaited: new Set(), complete: false };
    for (const [request, until] of this.#awaited) if (until <= this.#clock.now) this.#awaited.delete(request);
    return { awaited: new Set(requests.filter((request) => this.#awaited.has(request))), complete: true };
  }

  async close(): Promise<void> {}

  #requireReachable(): void {
    if (this.isAway) throw new Error("The escrow does not answer.");
  }
}
