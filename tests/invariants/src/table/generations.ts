import type { Invariant, TestName } from "../invariant.ts";

const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle.test.ts", name });
const raceTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle-races.test.ts", name });

export const generations: Invariant = {
  number: 3,
  promise: "Generations only grow; a stale holder's write changes nothing, neither its success nor its failure",
  why:
    "A worker may sleep for minutes and wake with an old answer in hand. The generation is the fencing token of every write: " +
    "a success counts only on the generation whose token it presented, a failure only while its own intent stands as well.",
  guards: [
    {
      does: "A settle compares the generation",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("cannot overwrite a newer token"),
      mutants: [
        {
          name: "generations-are-not-compared",
          find: "WHEN l.generation = s.generation AND (x.intent_id",
          replace: "WHEN (x.intent_id",
          means: "the sleeper's token overwrites a newer one",
        },
      ],
    },
    {
      does: "A failure counts only while its own intent stands",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("cannot harm the connection with its failure"),
      mutants: [
        {
          name: "stale-failures-count",
          find: "AND (x.intent_id IS NOT NULL OR s.outcome = 'rotated' AND is_new) THEN 'settled'",
          replace: "THEN 'settled'",
          means: "the sleeper's refusal ends a grant that its successor is refreshing",
        },
      ],
    },
    {
      does: "Each stored token set raises the generation",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("stores tokens, generation, schedule and tally together"),
      mutants: [
        {
          name: "generation-stands-still",
          find: "SET generation = t.generation + 1, refresh_token",
          replace: "SET generation = t.generation, refresh_token",
          means: "an old answer and a new one look the same",
        },
      ],
    },
    {
      does: "The comparison is made under a lock on connection and token set",
      file: "packages/store/src/refresh/settle.ts",
      test: raceTest("both with a token set: one is stored, the other is kept as a candidate"),
      mutants: [
        {
          name: "settle-without-locks",
          find: "      FOR NO KEY UPDATE OF c, t\n    ), closed AS",
          replace: "    ), closed AS",
          means: "two settles at once both believe to be the first",
        },
        {
          name: "settle-locks-the-connection-alone",
          find: "      FOR NO KEY UPDATE OF c, t\n    ), closed AS",
          replace: "      FOR NO KEY UPDATE OF c\n    ), closed AS",
          means: "the second one waits, and then compares with the generation from before",
        },
        {
          name: "failures-settle-without-locks",
          find: "      FOR NO KEY UPDATE OF c, t\n    ), closed AS",
          replace: "      FOR KEY SHARE OF c, t\n    ), closed AS",
          test: raceTest("a token set and a refusal: the refusal ends nothing"),
          means: "a lock that two may hold is none",
        },
      ],
    },
    {
      does: "A lease is renewed by the holder of its intent and by nobody else",
      file: "packages/store/src/refresh/lease.ts",
      test: {
        file: "packages/store/test/refresh/claim.test.ts",
        name: "is renewed while its intent is ours, and reported lost when another took over",
      },
      mutants: [
        {
          name: "anybody-renews",
          find: "        AND i.intent_id = ANY(${leases.map((lease) => lease.intentId)}::uuid[])\n",
          replace: "",
          means: "the sleeper keeps its successor's lease alive",
        },
      ],
    },
    {
      does: "A grant that is brought in anew begins a generation above the old one",
      file: "packages/store/src/connections/plan-import.ts",
      test: {
        file: "packages/store/test/connections/import-races.test.ts",
        name: "a refresh in flight when its grant is replaced cannot overwrite the new token",
      },
      mutants: [
        {
          name: "imports-start-over",
          find: "generation: (existing?.generation ?? 0) + 1,",
          replace: "generation: 1,",
          means: "the answer to the old grant overwrites the customer's new one",
        },
      ],
    },
  ],
};
