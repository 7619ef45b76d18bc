import type { GrantAudit, RevokedGrant } from "@evergrant/testkit";
import type { Operator } from "../operator.ts";
import { DEMO_APPS } from "./customers.ts";
import { NOTICED_WITHIN_MS } from "./lifetimes.ts";
import type { DemoSimulator } from "./simulator.ts";
import { readTotals, type Totals } from "./totals.ts";

export interface RollCall {
  readonly connections: number;
  readonly refreshes: number;
  readonly rotated: number;
  readonly invalidGrants: number;
  readonly needsReauth: number;
  /** Customers who disconnected long enough before the end to have been noticed. */
  readonly left: number;
  readonly stale: number;
  /** Grants whose customer stayed, and for which we hold no token that the provider accepts. */
  readonly lost: number;
  /** Grants that we asked a customer to renew although they were alive. */
  readonly falseReauth: number;
  readonly faults: readonly string[];
}

/**
 * Asks the provider about every grant: each connection is refreshed once more, and the simulator tells
 * whether the token that we presented was accepted. Our own rows have no say in what was lost.
 */
export async function callTheRoll(parts: {
  readonly simulator: DemoSimulator;
  readonly statusUrl: string;
  readonly operator: Operator;
  readonly before: Totals;
}): Promise<RollCall> {
  const { simulator, statusUrl, operator, before } = parts;
  await simulator.calm();
  const totals = await readTotals(statusUrl);
  const endedAt = (await simulator.client.audit()).now;
  const needsReauth = await listNeedsReauth(operator);
  const earlier = new Map((await simulator.client.auditGrants()).map((grant) => [grant.id, grant.rejected]));
  for (const app of DEMO_APPS) await operator(["refresh", "--app", app.id, "--force", "--wait", "--json"]);

  const grants = await simulator.client.auditGrants();
  const left = (await simulator.client.audit()).revokedByCustomer.grants.filter(
    (grant) => grant.revokedAt <= endedAt - NOTICED_WITHIN_MS,
  );
  const staying = grants.filter((grant) => grant.revokedBy !== "customer");
  const lost = staying.filter((grant) => !answered(grant, endedAt, earlier));
  const falseReauth = staying.filter((grant) => needsReauth.has(grant.id));
  return {
    connections: totals.connections,
    refreshes: totals.refreshes - before.refreshes,
    rotated: totals.rotated - before.rotated,
    invalidGrants: totals.invalidGrants - before.invalidGrants,
    needsReauth: needsReauth.size,
    left: left.length,
    stale: totals.stale,
    lost: lost.length,
    falseReauth: falseReauth.length,
    faults: [
      ...named("Stale access tokens", totals.stale),
      ...named("Lost", lost),
      ...named("Asked to reconnect for nothing", falseReauth),
      ...named(
        "Left and not noticed",
        left.filter((grant) => !needsReauth.has(grant.id)),
      ),
    ],
  };
}

/** Presented during the roll call, and not refused. */
function answered(grant: GrantAudit, since: number, earlier: ReadonlyMap<string, number>): boolean {
  const presented = grant.lastPresentedAt !== null && grant.lastPresentedAt >= since;
  return grant.alive && presented && grant.rejected === earlier.get(grant.id);
}

async function listNeedsReauth(operator: Operator): Promise<ReadonlySet<string>> {
  const { stdout } = await operator(["connection", "list", "--state", "needs_reauth", "--limit", "1000", "--json"]);
  const { connections } = JSON.parse(stdout) as { connections: { id: string }[] };
  return new Set(connections.map((connection) => connection.id));
}

function named(what: string, found: number | readonly (GrantAudit | RevokedGrant)[]): string[] {
  if (typeof found === "number") return found === 0 ? [] : [`${what}: ${found}`];
  return found.length === 0 ? [] : [`${what}: ${found.map((grant) => grant.id).join(", ")}`];
}
