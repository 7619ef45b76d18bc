import type { Invariant, TestName } from "../invariant.ts";
import { socketGuards } from "./socket-guards.ts";
import { troubleGuards } from "./trouble-guards.ts";

const claimTest = (name: string): TestName => ({ file: "packages/store/test/refresh/claim.test.ts", name });
const workerTest = (name: string): TestName => ({ file: "apps/worker/test/one-in-flight.test.ts", name });

export const oneInFlight: Invariant = {
  number: 1,
  promise: "At most one token request per connection is in flight in the whole fleet",
  why:
    "A provider that detects reuse ends the grant when the same refresh token is presented twice. Whoever refreshes first " +
    "writes an intent with a lease into the connection's row of the journal; the lease excludes everybody else by the " +
    "database's clock, is renewed for as long as the answer takes, and is only taken over when its holder has had the time " +
    "to come back.",
  guards: [
    {
      does: "A claim passes over a connection whose lease lives",
      file: "packages/store/src/refresh/claim.ts",
      test: claimTest("takes over when the lease has died"),
      mutants: [
        {
          name: "claim-ignores-leases",
          find: "WHERE i.lease_expires_at < clock_timestamp() AND ${mayTakeOver}::boolean",
          replace: "WHERE ${mayTakeOver}::boolean",
          means: "a second worker claims what the first one holds",
        },
      ],
    },
    {
      does: "A claim never brings a token that another worker has spent a moment ago",
      file: "packages/store/src/refresh/claim.ts",
      test: claimTest("that began before another's settle committed brings what that one stored"),
      mutants: [
        {
          name: "claim-without-locks",
          find: "      FOR NO KEY UPDATE OF c, t SKIP LOCKED\n",
          replace: "",
          means: "it reads the rows as they were when its statement began",
        },
        {
          name: "claim-locks-the-connection-alone",
          find: "FOR NO KEY UPDATE OF c, t SKIP LOCKED",
          replace: "FOR NO KEY UPDATE OF c SKIP LOCKED",
          means: "the schedule is the latest and the token is not",
        },
      ],
    },
    {
      does: "A lease is renewed for as long as the provider takes to answer",
      file: "apps/worker/src/lease-keeper.ts",
      test: workerTest("a provider that takes longer than a lease to answer"),
      mutants: [
        {
          name: "leases-are-not-renewed",
          find: "setInterval(() => void renewAll(), periodMs)",
          replace: "setInterval(() => {}, periodMs)",
          means: "a slow answer looks like a dead worker",
        },
      ],
    },
    {
      does: "A renewal moves the end of the lease",
      file: "packages/store/src/refresh/lease.ts",
      test: workerTest("a provider that takes longer than a lease to answer"),
      mutants: [
        {
          name: "renewals-change-nothing",
          find: "SET lease_expires_at = clock_timestamp() + ${leaseMs}::int * interval '1 millisecond'\n",
          replace: "SET lease_expires_at = i.lease_expires_at\n",
          means: "the worker believes in a lease that has ended",
        },
      ],
    },
    {
      does: "A process that slept past its lease asks whether it still holds it before it asks the provider",
      file: "apps/worker/src/refresh-connection.ts",
      test: {
        file: "apps/worker/test/refresh-connection.test.ts",
        name: "whose process slept past its lease presents nothing",
      },
      mutants: [
        {
          name: "sleeper-does-not-look",
          find: "    if (!(await lease.stillHeld({ anew: claim.unsettledSince !== null }))) return DONE;\n",
          replace: "",
          means: "it presents the token that its successor is presenting",
        },
      ],
    },
    {
      does: "Such a look goes to the database once time has passed unseen",
      file: "apps/worker/src/lease-keeper.ts",
      test: {
        file: "apps/worker/test/refresh-connection.test.ts",
        name: "whose process slept past its lease presents nothing",
      },
      mutants: [
        {
          name: "sleeper-trusts-itself",
          find: "if (since < periodMs && !how.anew) return true;",
          replace: "if (since < Number.POSITIVE_INFINITY && !how.anew) return true;",
          means: "it trusts a lease that it last saw before it fell asleep",
        },
        {
          name: "old-answers-are-believed",
          find: "    if (monotonicMs() - askedAt >= periodMs) return stillHeld(lease, how);\n",
          replace: "",
          test: {
            file: "apps/worker/test/refresh-connection.test.ts",
            name: "a process that slept while it asked for its lease does not believe the answer from before",
          },
          means: "it trusts an answer that waited in its socket while it slept",
        },
      ],
    },
    ...socketGuards,
    {
      does: "A lease that has run out is told as lost",
      file: "packages/store/src/refresh/lease.ts",
      test: claimTest("is renewed while its intent is ours, and reported lost when another took over"),
      mutants: [
        {
          name: "dead-leases-count-as-alive",
          find: " AND lease_expires_at > clock_timestamp() + ${marginMs}::float8 * interval '1 millisecond'`",
          replace: " AND ${marginMs}::float8 IS NOT NULL`",
          means: "the sleeper is told to go on",
        },
      ],
    },
    {
      does: "A stored candidate is presented only by the holder of the lease",
      file: "packages/store/src/refresh/candidates.ts",
      test: {
        file: "packages/store/test/refresh/settle.test.ts",
        name: "is not handed to one whose lease was taken over",
      },
      mutants: [
        {
          name: "candidates-for-anybody",
          find: "AND i.intent_id = ${intentId}::uuid",
          replace: "AND ${intentId}::uuid IS NOT NULL",
          means: "two workers present the same candidate",
        },
      ],
    },
    {
      does: "A late settle ends no other worker's intent",
      file: "packages/store/src/refresh/settle.ts",
      test: { file: "packages/store/test/refresh/settle.test.ts", name: "cannot harm the connection with its failure" },
      mutants: [
        {
          name: "settle-ends-any-intent",
          find: "WHERE i.connection_id = s.connection_id AND i.intent_id = s.intent_id",
          replace: "WHERE i.connection_id = s.connection_id",
          means: "a third worker may claim while the second one waits for its answer",
        },
      ],
    },
    ...troubleGuards,
    {
      does: "A worker that is handed a connection twice in one instant claims it once",
      file: "apps/worker/src/claim-many.ts",
      test: workerTest("a worker that is handed a connection twice in the same instant"),
      mutants: [
        {
          name: "one-claim-for-two",
          find: "      byId.delete(id);\n",
          replace: "",
          means: "both jobs of a batch get the same claim",
        },
      ],
    },
    {
      does: "A request that the HTTP client would begin a second time is aborted before a byte is written",
      file: "packages/providers/src/exchange.ts",
      test: {
        file: "packages/providers/test/never-twice.test.ts",
        name: "should the HTTP client begin a request anew on another connection",
      },
      mutants: [
        {
          name: "http-client-repeats",
          find: "if (this.#settled || this.#sent) {",
          replace: "if (this.#settled) {",
          means: "the same token arrives twice",
        },
      ],
    },
    {
      does: "A token that may be spent is not presented again with another client secret",
      file: "packages/providers/src/refresh.ts",
      test: {
        file: "packages/providers/test/refresh.test.ts",
        name: "is not answered with another secret: the token may be spent",
      },
      mutants: [
        {
          name: "every-failure-tries-the-next-secret",
          find: "if (index > 0 && refusesSecret(result.outcome))",
          replace: "if (index > 0)",
          means: "a lost answer is followed by the same token",
        },
      ],
    },
    {
      does: "One refresh token is never stored under two connections",
      file: "packages/store/src/connections/write-import.ts",
      test: {
        file: "packages/store/test/connections/import-race-for-a-token.test.ts",
        name: "an importer whose token another one is storing at this moment waits for it",
      },
      mutants: [
        {
          name: "token-under-two-ids",
          find: "if (written?.connections !== writes.length || written.fingerprints !== planned) return false;",
          replace: "if (written?.connections !== writes.length) return false;",
          means: "two rows with one grant are refreshed side by side",
        },
      ],
    },
  ],
  notNeeded: [
    {
      name: "queue-without-deduplication",
      file: "packages/queue/src/refresh-job.ts",
      find: "      deduplication: { id: connectionId },\n",
      replace: "",
      because: "The queue's deduplication saves work and nothing else: twenty jobs for one connection end in one claim",
      test: workerTest("a connection that waits in its queue twenty times over is asked for once"),
    },
  ],
};
