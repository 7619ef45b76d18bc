/** What waits in the escrow: a settlement, sealed by the vault. Nothing of it can be read without the key ring. */
export interface EscrowEntry {
  /** Id of the intent that it ends. */
  readonly id: string;
  readonly sealed: Uint8Array;
}

/**
 * Where settlements wait while the database cannot take them, so that the death of a worker costs no
 * token. An entry stays until somebody who has settled it removes it.
 */
export interface Escrow {
  /** Whether there is any place at all. */
  readonly hasPlace: boolean;
  /**
   * Resolves when all entries are safe in one place. Putting an entry again replaces it.
   *
   * @throws EscrowError when no place takes them; some of them may have been taken
   */
  put(entries: readonly EscrowEntry[]): Promise<void>;
  /** All that waits. `complete` is false when a place could not be looked into, and `faults` says why. Never rejects. */
  readAll(): Promise<{
    readonly entries: readonly EscrowEntry[];
    readonly complete: boolean;
    readonly faults: readonly EscrowError[];
  }>;
  /** @throws EscrowError when a place could not be reached; to be called again then */
  remove(ids: readonly string[]): Promise<void>;
  /** @throws EscrowError when a place could not be looked into */
  count(): Promise<number>;
  /**
   * Says for `forMs` that the answers to these requests are awaited: by a worker that lives, and that cannot renew its
   * leases because it alone has lost the database. To be said again while that lasts. The caller names the requests.
   *
   * @throws EscrowError when no place takes it
   */
  markAwaited(requests: readonly string[], forMs: number): Promise<void>;
  /** Which of these are awaited by anybody. `complete` is false when a place could not be looked into. Never rejects. */
  readAwaited(
    requests: readonly string[],
  ): Promise<{ readonly awaited: ReadonlySet<string>; readonly complete: boolean }>;
  close(): Promise<void>;
}

export class EscrowError extends Error {
  override readonly name = "EscrowError";
}

/** One kind of place. Each method rejects when the place does not answer. */
export type EscrowPlace = Omit<Escrow, "hasPlace" | "readAll" | "readAwaited"> & {
  /** For messages. */
  readonly name: string;
  readAll(): Promise<readonly EscrowEntry[]>;
  readAwaited(requests: readonly string[]): Promise<readonly string[]>;
};
