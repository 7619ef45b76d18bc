import type { Candidate, Lease } from "@evergrant/store";
import { intentOf } from "./lease.ts";
import type { CandidateRow, Tables } from "./tables.ts";

/** As `nextCandidate` of the real store: the newest that was not tried, marked as presented. */
export function nextCandidate(tables: Tables, lease: Lease, tried: readonly bigint[]): Candidate | null {
  if (intentOf(tables, lease) === null) return null;
  const left = tables.connections.get(lease.connectionId)?.candidates.filter(({ id }) => !tried.includes(id)) ?? [];
  const next = left.toSorted(newestFirst)[0];
  if (next === undefined) return null;
  next.presentedAt = tables.now();
  return { id: next.id, generation: next.generation + 1, refreshToken: next.refreshToken };
}

export function newestFirst(one: CandidateRow, other: CandidateRow): number {
  return other.generation - one.generation || Number(other.id - one.id);
}

/** As `refuseCandidate` of the real store: forgotten at the second refusal. */
export function refuseCandidate(
  tables: Tables,
  { id, strikeGapMs }: { readonly id: bigint; readonly strikeGapMs: number },
): void {
  const candidate = tables.candidates.get(id);
  if (candidate === undefined) return;
  const { connection, refusedAt } = candidate;
  candidate.refusedAt ??= tables.now();
  if (refusedAt === null || refusedAt > tables.now() - strikeGapMs) return;
  tables.candidates.delete(id);
  connection.candidates = connection.candidates.filter((candidate) => candidate.id !== id);
}
