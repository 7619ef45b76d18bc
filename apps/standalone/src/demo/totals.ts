/** The figures of `/status.json` that the demo shows. */
export interface Totals {
  readonly connections: number;
  readonly needsReauth: number;
  readonly stale: number;
  readonly overdue: number;
  readonly refreshes: number;
  readonly rotated: number;
  readonly invalidGrants: number;
}

/** Reads the fleet's figures the way a dashboard would. Rejects while they cannot be had. */
export async function readTotals(statusUrl: string): Promise<Totals> {
  const answer = await fetch(new URL("status.json", statusUrl));
  const { fleet } = (await answer.json()) as { fleet: { totals: Totals } | null };
  if (fleet === null) throw new Error("The database is away.");
  return fleet.totals;
}
