import type { Guard, TestName } from "../invariant.ts";

const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle-in-doubt.test.ts", name });
const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });
const breakerTest = (name: string): TestName => ({ file: "apps/worker/test/breaker-of-a-worker.test.ts", name });

/** Of invariant 4: a wave of refusals is our mistake until somebody says otherwise. */
export const breakerGuards: readonly Guard[] = [
  {
    does: "While the app's breaker is not closed, no grant is ended and no strike counted",
    file: "packages/store/src/refresh/settle.ts",
    test: settleTest("no grant is ended, and the strike does not ripen"),
    mutants: [
      {
        name: "breaker-does-not-hold",
        find: "state = 'needs_reauth' AND (in_doubt OR voided OR EXISTS (",
        replace: "state = 'needs_reauth' AND (voided OR EXISTS (",
        means: "a wave that has been noticed ends its grants all the same",
      },
      {
        name: "voided-strikes-count",
        find: "state = 'needs_reauth' AND (in_doubt OR voided OR EXISTS (",
        replace: "state = 'needs_reauth' AND (in_doubt OR EXISTS (",
        test: settleTest("a strike that was voided while the second refusal was under way ends nothing either"),
        means: "a breaker that closes in between lets the second refusal of a wave end the grant",
      },
      {
        name: "held-strikes-ripen",
        find: "strikes = CASE WHEN w.voided THEN 0 WHEN w.held THEN c.strikes ELSE w.strikes END",
        replace: "strikes = w.strikes",
        means: "the strike is counted, and the next one after the breaker closes ends the grant",
      },
      {
        name: "voided-strikes-come-back",
        find: "first_strike_at = CASE WHEN w.voided THEN NULL ELSE w.first_strike_at END",
        replace: "first_strike_at = w.first_strike_at",
        test: settleTest("a strike that was voided while the second refusal was under way ends nothing either"),
        means: "a refusal that the app was to blame for counts as the first of the two that end the grant",
      },
      {
        name: "voided-strikes-come-back-when-open-again",
        find: "s.first_strike_at < greatest(x.claimed_at, l.breaker_closed_at)",
        replace: "s.first_strike_at < l.breaker_closed_at",
        test: settleTest("one that comes late does not bring its strike back either when the breaker is open again"),
        means: "an answer that took long gives a strike back that a probe had shown to be our mistake",
      },
    ],
  },
  {
    does: "What is said of a token set that came from a backup ends no grant for a day, unless an operator accepts it",
    file: "packages/core/src/breaker.ts",
    test: {
      file: "packages/core/test/breaker.test.ts",
      name: "never of a token that came from a backup, whoever vouches",
    },
    mutants: [
      {
        name: "restored-tokens-are-vouched-for",
        find: "!isSetBack && succeeded",
        replace: "succeeded",
        means: "a table restored from an hour ago ends the few whose tokens have rotated since",
      },
    ],
  },
  {
    does: "A token set is known to come from a backup by a refresh that came after it",
    file: "packages/store/src/breaker/read-vouching.ts",
    test: {
      file: "packages/store/test/conformance/postgres.test.ts",
      name: "cannot speak for a token set that was put back from a backup",
      writtenIn: "packages/store/test/conformance/breaker-reads-scenarios.ts",
    },
    mutants: [
      {
        name: "restored-tokens-look-new",
        find: "coalesce(t.stored_at < c.last_refreshed_at, t.connection_id IS NULL)",
        replace: "false",
        means: "a restored table looks like customers who have left",
      },
      {
        name: "a-table-under-repair-vouches",
        find: "LEFT JOIN token_set t ON",
        replace: "JOIN token_set t ON",
        test: {
          file: "packages/store/test/breaker/read-vouching.test.ts",
          name: "while the table of tokens is being loaded from a backup",
        },
        means: "a grant is ended while its row is being put back",
      },
    ],
  },
  {
    does: "Many refusals at once are a wave",
    file: "packages/core/src/breaker.ts",
    test: breakerTest("are a wave: the very first of them ends no grant"),
    mutants: [
      {
        name: "no-wave-is-a-wave",
        find: "refused >= policy.leastRejected && refused >= share * (refused + answers.succeeded)",
        replace: "false && refused >= share * (refused + answers.succeeded)",
        means: "a restored backup ends every grant of the app",
      },
    ],
  },
  {
    does: "An operator's acceptance settles it for those that were refused by then, and for no others",
    file: "packages/store/src/breaker/in-doubt.ts",
    test: {
      file: "packages/store/test/breaker/read-answers.test.ts",
      name: "leave out what an operator has accepted, and expect more of it among those not refreshed since",
    },
    mutants: [
      {
        name: "acceptance-covers-everybody",
        find: "c.first_strike_at > a.breaker_accepted_at",
        replace: "coalesce(c.last_refreshed_at, c.created_at) > a.breaker_accepted_at",
        means:
          "credentials of the wrong environment, rolled out while a wave is being accepted, end every grant of the app",
      },
    ],
  },
  {
    does: "Also after an acceptance it is a wave when nearly all are refused",
    file: "packages/core/src/breaker.ts",
    test: {
      file: "packages/core/test/breaker.test.ts",
      name: "after an acceptance, when nearly all are refused: that is no leaving",
    },
    mutants: [
      {
        name: "accepted-apps-have-no-waves",
        find: "    { refused: rejected, share: Math.max(policy.acceptedShare, policy.rejectedShare) },\n",
        replace: "",
        means: "who accepted one wave has accepted every later mistake of ours as well",
      },
    ],
  },
  {
    does: "The strikes of a wave are forgotten when its breaker closes",
    file: "packages/store/src/breaker/close-breaker.ts",
    test: {
      file: "packages/store/test/breaker/close-breaker.test.ts",
      name: "the strikes of a wave are forgotten, so that it takes two new ones to end a grant",
    },
    mutants: [
      {
        name: "strikes-outlive-the-wave",
        find: "strikes = CASE WHEN a.breaker_reason = 'rejections' AND NOT ${isAccepted} THEN 0 ELSE c.strikes END",
        replace: "strikes = c.strikes",
        means: "one more refusal ends a grant that our own mistake had struck",
      },
    ],
  },
  {
    does: "A wave is over only when a refused connection is refreshed",
    file: "packages/core/src/breaker.ts",
    test: {
      file: "packages/core/test/breaker.test.ts",
      name: "the answer to a probe disproves what it can",
    },
    mutants: [
      {
        name: "refused-probes-end-waves",
        find: 'case "rejected":\n      return ["misconfigured"];',
        replace: 'case "rejected":\n      return BREAKER_REASONS;',
        means: "the breaker closes by the very refusal that it was opened for",
      },
    ],
  },
  {
    does: "An answer to a question from before the breaker opened does not close it",
    file: "packages/store/src/breaker/close-breaker.ts",
    test: {
      file: "packages/store/test/breaker/close-breaker.test.ts",
      name: "that was claimed before the breaker opened says nothing about afterwards",
    },
    mutants: [
      {
        name: "old-answers-close",
        find: "\n      AND (a.breaker_changed_at IS NULL OR a.breaker_changed_at <= ${new Date(claimedAt)}::timestamptz)`",
        replace: "\n      AND ${new Date(claimedAt)}::timestamptz IS NOT NULL`",
        means: "a straggler opens the gate for the whole wave",
      },
    ],
  },
  {
    does: "The strike of a probe does not ripen",
    file: "packages/core/src/decide.ts",
    test: refreshTest("of a probe does not ripen a strike"),
    mutants: [
      {
        name: "probes-end-held-grants",
        find: "const ended = rejected && !isProbe && strikes.strikes",
        replace: "const ended = rejected && strikes.strikes",
        test: {
          file: "packages/core/test/decide.test.ts",
          name: "is not ended by a probe, however many strikes it has",
        },
        means: "a grant whose ending was held is ended by the breaker's own look",
      },
      {
        name: "probes-ripen",
        find: "const ripe = !isProbe && now",
        replace: "const ripe = now",
        means: "a breaker that looks again and again ends the grant by which it looks",
      },
    ],
  },
  {
    does: "The worker says which of its tries is a probe",
    file: "apps/worker/src/refresh-connection.ts",
    test: refreshTest("of a probe does not ripen a strike"),
    mutants: [
      {
        name: "probe-is-not-told",
        find: "isProbe: claim.isProbe })",
        replace: "isProbe: false })",
        means: "a probe is judged like any other refresh",
      },
    ],
  },
];
