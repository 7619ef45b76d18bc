import type { Guard, TestName } from "../invariant.ts";

const conformanceTest = (scenarios: string, name: string): TestName => ({
  file: "packages/store/test/conformance/postgres.test.ts",
  name,
  writtenIn: `packages/store/test/conformance/${scenarios}.ts`,
});
const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });
const leaseTest = (name: string): TestName => ({ file: "apps/worker/test/lease-keeper.test.ts", name });

/** Of invariant 2: what keeps a token that is known to be spent from being presented while its successor is at hand. */
export const spentGuards: readonly Guard[] = [
  {
    does: "A claim tells when a candidate came of its token, or of one after it",
    file: "packages/store/src/refresh/claim.ts",
    test: conformanceTest("candidate-scenarios", "that came of the current token, or of one after it"),
    mutants: [
      {
        name: "spent-tokens-look-sound",
        find: "k.connection_id = e.id AND k.generation >= e.generation",
        replace: "false",
        means:
          "after a restored backup the spent token is presented before the living one, which its provider then ends",
      },
    ],
  },
  {
    does: "A token that is known to be spent is presented last",
    file: "apps/worker/src/refresh-connection.ts",
    test: refreshTest("is not asked for with a token that is known to be spent"),
    mutants: [
      {
        name: "spent-tokens-come-first",
        find: "  if (claim.isSpent) return (await askOthers()) ?? askCurrent();\n",
        replace: "",
        means: "its provider detects the reuse, and ends the grant that the candidate would have saved",
      },
    ],
  },
  {
    does: "Whoever takes over looks once more before it asks: the sleeper may be home by then",
    file: "apps/worker/src/refresh-connection.ts",
    test: refreshTest("that takes over asks once more"),
    mutants: [
      {
        name: "take-over-does-not-look-again",
        find: "anew: claim.unsettledSince !== null",
        replace: "anew: false",
        means: "it presents the token that the sleeper has just replaced",
      },
    ],
  },
  {
    does: "A claim on a token set that was replaced meanwhile counts for nothing",
    file: "packages/store/src/refresh/lease.ts",
    test: conformanceTest("lease-scenarios", "ends when whoever was taken over comes home"),
    mutants: [
      {
        name: "overtaken-claims-go-on",
        find: "WHERE is_current AND lease_expires_at",
        replace: "WHERE lease_expires_at",
        means: "as above",
      },
      {
        name: "overtaken-claims-stay",
        find: "= ${lease.intentId}::uuid AND NOT o.is_current",
        replace: "= ${lease.intentId}::uuid AND false",
        means: "the next refresh takes it for one whose outcome is unknown",
      },
    ],
  },
  {
    does: "A lease is alive for the holder of its intent alone",
    file: "packages/store/src/refresh/lease.ts",
    test: conformanceTest("lease-scenarios", "that another took over can neither be renewed nor counts as alive"),
    mutants: [
      {
        name: "anybodys-lease-is-alive",
        find: "      WHERE i.connection_id = ${lease.connectionId} AND i.intent_id = ${lease.intentId}::uuid\n    ), overtaken",
        replace: "      WHERE i.connection_id = ${lease.connectionId}\n    ), overtaken",
        means: "the sleeper takes its successor's lease for its own, and asks as well",
      },
    ],
  },
  {
    does: "A lease is ours from before it was asked for, and no longer than the database was asked about",
    file: "apps/worker/src/lease-keeper.ts",
    test: leaseTest("after a look at the database for the margin that was asked for, and no longer"),
    mutants: [
      {
        name: "a-look-counts-as-a-renewal",
        find: "askedAt + periodMs - leaseMs",
        replace: "askedAt",
        means: "two thirds of a lease that may have ended are taken for ours",
      },
      {
        name: "stale-answers-count",
        find: "    if (monotonicMs() - askedAt >= periodMs) return stillHeld(lease, how);\n",
        replace: "",
        test: leaseTest("only by a fresh answer: one that waited for its reader is asked for again"),
        means: "a process that was frozen asks with a lease that ended in its sleep",
      },
    ],
  },
  {
    does: "A lease counts from before its claim was asked for",
    file: "apps/worker/src/claim-many.ts",
    test: {
      file: "apps/worker/test/claim-many.test.ts",
      name: "a claim counts from before it was asked for, however long the database takes",
    },
    mutants: [
      {
        name: "claims-count-from-their-answer",
        find: "{ claim, askedAt } };",
        replace: "{ claim, askedAt: parts.monotonicMs() } };",
        means: "a claim whose answer waited in the socket of a frozen process looks as fresh as a new one",
      },
    ],
  },
];
