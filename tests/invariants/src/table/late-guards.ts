import type { Guard, TestName } from "../invariant.ts";

const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle.test.ts", name });
const conformanceTest = (name: string): TestName => ({
  file: "packages/store/test/conformance/postgres.test.ts",
  name,
  writtenIn: "packages/store/test/conformance/settle-scenarios.ts",
});

const candidateTest = (name: string): TestName => ({
  file: "packages/store/test/conformance/postgres.test.ts",
  name,
  writtenIn: "packages/store/test/conformance/candidate-scenarios.ts",
});

/** Of invariant 2: answers that come late, or twice. */
export const lateGuards: readonly Guard[] = [
  {
    does: "A token set that comes too late is kept as a candidate",
    file: "packages/store/src/refresh/settle.ts",
    test: settleTest("cannot overwrite a newer token: its own is kept as a candidate"),
    mutants: [
      {
        name: "late-tokens-are-thrown-away",
        find: "FROM judged WHERE result = 'stale' AND is_new AND NOT is_spent",
        replace: "FROM judged WHERE false",
        means: "if it was the living one, the grant is lost",
      },
      {
        name: "spent-tokens-are-candidates",
        find: "FROM judged WHERE result = 'stale' AND is_new AND NOT is_spent",
        replace: "FROM judged WHERE result = 'stale' AND is_new",
        test: conformanceTest("that brought no new refresh token gives way to whoever took over"),
        means: "a token known to be spent is kept, to be presented to a provider that ends the grant for it",
      },
      {
        name: "failures-drop-candidates",
        find: "WHERE k.connection_id = w.connection_id AND w.refresh_token IS NOT NULL",
        replace: "WHERE k.connection_id = w.connection_id",
        test: settleTest("is forgotten when a later token set is stored, and not before"),
        means: "any failure forgets it",
      },
    ],
  },
  {
    does: "The only token that works is stored, although another worker has taken over meanwhile",
    file: "packages/store/src/refresh/settle.ts",
    test: settleTest("with the only token that works stores it"),
    mutants: [
      {
        name: "late-success-is-stale",
        find: "AND (x.intent_id IS NOT NULL OR s.outcome = 'rotated' AND is_new) THEN 'settled'",
        replace: "AND x.intent_id IS NOT NULL THEN 'settled'",
        means: "a spent token stays the current one",
      },
      {
        name: "late-renewals-count",
        find: "AND (x.intent_id IS NOT NULL OR s.outcome = 'rotated' AND is_new) THEN 'settled'",
        replace: "AND (x.intent_id IS NOT NULL OR s.refresh_token IS NOT NULL) THEN 'settled'",
        test: conformanceTest("that brought no new refresh token gives way to whoever took over"),
        means: "the rotation of whoever took over comes second, and a spent token stays the current one",
      },
      {
        name: "late-renewals-of-candidates-count",
        find: "AND (x.intent_id IS NOT NULL OR s.outcome = 'rotated' AND is_new) THEN 'settled'",
        replace: "AND (x.intent_id IS NOT NULL OR is_new) THEN 'settled'",
        test: conformanceTest("that brought no new refresh token for a candidate gives way too"),
        means: "the same by way of a candidate, which whoever took over presents as well",
      },
    ],
  },
  {
    does: "A settle that is written twice counts once",
    file: "packages/store/src/refresh/settle.ts",
    test: settleTest("that is written again, because the commit's answer was lost, counts once"),
    mutants: [
      {
        name: "repeats-look-late",
        find: "(NOT is_new OR s.outcome = 'rotated' AND was_current) THEN 'repeated'",
        replace: "s.outcome = 'rotated' AND was_current THEN 'repeated'",
        means: "one refresh is told as two, one of them late",
      },
      {
        name: "the-past-is-a-candidate",
        find: "(NOT is_new OR s.outcome = 'rotated' AND was_current) THEN 'repeated'",
        replace: "NOT is_new THEN 'repeated'",
        test: candidateTest("is not a token that was current once"),
        means: "a token that we have spent ourselves is kept, to be presented to a provider that ends the grant for it",
      },
    ],
  },
  {
    does: "Of two token sets of one connection in one batch neither is lost",
    file: "packages/store/src/refresh/settle.ts",
    test: conformanceTest("with two token sets of one connection loses neither"),
    mutants: [
      {
        name: "one-statement-for-both",
        find: "for (const round of oneOfEachConnection(settlements))",
        replace: "for (const round of settlements.length === 0 ? [] : [settlements])",
        means: "an escrow that holds the sleeper's and its successor's stores one of them, and says that both are",
      },
    ],
  },
];
