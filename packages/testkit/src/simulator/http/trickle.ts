import type { SimulatorParts } from "./simulator-parts.ts";

/** Customers who leave one by one, on the wall clock. */
export class TrickleOfRevocations {
  readonly #parts: SimulatorParts;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(parts: SimulatorParts) {
    this.#parts = parts;
  }

  /** From now on `perMinute` customers of the client leave each minute, evenly spaced; 0 stops it. */
  set(clientId: string, perMinute: number): void {
    clearInterval(this.#timers.get(clientId));
    this.#timers.delete(clientId);
    if (perMinute > 0)
      this.#timers.set(
        clientId,
        setInterval(() => this.#revokeOne(clientId), 60_000 / perMinute),
      );
  }

  close(): void {
    for (const timer of this.#timers.values()) clearInterval(timer);
    this.#timers.clear();
  }

  #revokeOne(clientId: string): void {
    const { ledger, now, random } = this.#parts;
    ledger.revoke(ledger.pickAlive(clientId, 1, now(), random), "customer", now());
  }
}
