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

/** As `dropCandidate` of the real store. */
export function dropCandidate(tables: Tables, id: bigint): void {
  const connection = tables.candidates.get(id)?.connection;
  if (connection === undefined) return;
  tables.candidates.delete(id);
  connection.candidates = connection.candidates.filter((candidate) => candidate.id !== id);
}
