import type { Settlement, SettleResult } from "@evergrant/store";
import type { ConnectionRow, JournalRow } from "../store/tables.ts";
import { isSuccessKind } from "./success-kind.ts";
import type { Rule } from "./violation.ts";

/** As much of a row as a settle may or may not change. */
export type RowBefore = Readonly<
  Pick<
    ConnectionRow,
    | "state"
    | "generation"
    | "refreshToken"
    | "dueAt"
    | "strikes"
    | "firstStrikeAt"
    | "failures"
    | "unknownSince"
    | "accessTokenExpiresAt"
    | "grantExpiresAt"
  >
> & { readonly intentId: string | null };

export function takeBefore(row: ConnectionRow): RowBefore {
  return {
    state: row.state,
    generation: row.generation,
    refreshToken: row.refreshToken,
    dueAt: row.dueAt,
    strikes: row.strikes,
    firstStrikeAt: row.firstStrikeAt,
    failures: row.failures,
    unknownSince: row.unknownSince,
    accessTokenExpiresAt: row.accessTokenExpiresAt,
    grantExpiresAt: row.grantExpiresAt,
    intentId: row.intent?.intentId ?? null,
  };
}

/** What one settle must not have done (invariants 2, 3, 5 and 9). */
export function faultsOfSettle(
  { outcome, tokens, intentId }: Settlement,
  result: SettleResult,
  { intentId: intentBefore, ...before }: RowBefore,
  row: ConnectionRow,
  journal: readonly JournalRow[],
): readonly (readonly [Rule, string])[] {
  const faults: (readonly [Rule, string])[] = [];
  const wrote = result === "settled" || result === "held";
  const grew = row.generation - before.generation;
  if (grew !== (wrote && tokens !== null ? 1 : 0)) faults.push([3, `the generation went ${grew} on with ${result}`]);
  if ((row.refreshToken !== before.refreshToken) !== (grew === 1)) {
    faults.push([2, "the token set changed without a new generation"]);
  }
  if (wrote && tokens === null && intentBefore !== intentId) {
    faults.push([3, "a failure was written by a holder whose lease was taken over"]);
  }
  if (!wrote) {
    const changed = Object.entries(before).filter(([field, value]) => row[field as keyof typeof before] !== value);
    for (const [field] of changed) faults.push([3, `a stale holder's write (${result}) changed ${field}`]);
  }
  if (row.state === before.state) return faults;
  const mayChange = row.state === "active" ? isSuccessKind(outcome) : outcome === "rejected";
  if (!mayChange) faults.push([5, `${outcome} changed the state to ${row.state}`]);
  const told = row.state === "active" ? "revived" : "needs_reauth";
  const entry = journal.find(({ kind }) => kind === told);
  if (entry === undefined) faults.push([9, `the change to ${row.state} left no event`]);
  else if (told === "needs_reauth" && !("cause" in entry.detail)) faults.push([9, "the event does not say why"]);
  return faults;
}
