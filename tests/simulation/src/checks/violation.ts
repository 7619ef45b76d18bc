/** What must hold, by its number among the ten invariants of the design; the rest has a name. */
export type Rule = 1 | 2 | 3 | 4 | 5 | 8 | 9 | "grant lost" | "late" | "stale" | "unnoticed" | "forgotten" | "bug";

/** Something that must not be, at one customer. */
export interface Violation {
  readonly rule: Rule;
  readonly customerNo: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}
