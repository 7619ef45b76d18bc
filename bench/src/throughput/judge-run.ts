import type { Audit, CheckAnswer, GrantAudit } from "@evergrant/testkit";

/** What the provider says of one run, after it. */
export interface Evidence {
  /** Grants that were to be rotated once each. */
  readonly expected: number;
  readonly audit: Audit;
  readonly grants: readonly Pick<GrantAudit, "rotations">[];
  /** The provider's verdict on each refresh token that the database holds now. */
  readonly stored: CheckAnswer["grants"];
}

/**
 * What is wrong with a run, a line each; nothing when every grant was rotated exactly once and the
 * newest token of each is stored. Pure.
 */
export function judgeRun({ expected, audit, grants, stored }: Evidence): string[] {
  const { answers, overlaps, spentPresented } = audit;
  const newest = Object.values(stored).filter((check) => check.verdict === "current").length;
  const wrong: [number, string][] = [
    [expected - audit.grants, "grants unknown to the provider"],
    [grants.filter((grant) => grant.rotations === 0).length, "grants never rotated"],
    [grants.filter((grant) => grant.rotations > 1).length, "grants rotated more than once"],
    [answers.requests - expected, "requests beyond one a grant"],
    [answers.requests - answers.rotated, "requests that were refused or failed"],
    [overlaps, "requests that overlapped another one of their grant"],
    [spentPresented.insideGrace + spentPresented.outsideGrace, "spent tokens presented"],
    [expected - audit.alive, "grants that no longer live"],
    [expected - newest, "grants whose stored refresh token is not the newest"],
  ];
  return wrong.filter(([count]) => count !== 0).map(([count, what]) => `${what}: ${count}`);
}
