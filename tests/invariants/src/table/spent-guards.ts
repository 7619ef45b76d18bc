import type { Guard, TestName } from "../invariant.ts";

const conformanceTest = (scenarios: string, name: string): TestName => ({
  file: "packages/store/test/conformance/postgres.test.ts",
  name,
  writtenIn: `packages/store/test/conformance/${scenarios}.ts`,
});
const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });

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
];
