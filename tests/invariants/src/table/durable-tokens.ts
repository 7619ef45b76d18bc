import type { Invariant, TestName } from "../invariant.ts";
import { escrowGuards } from "./escrow-guards.ts";
import { lastCopyGuards } from "./last-copy-guards.ts";
import { lateGuards } from "./late-guards.ts";
import { spentGuards } from "./spent-guards.ts";

const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle.test.ts", name });
const untilWritten = (name: string): TestName => ({ file: "apps/worker/test/settle-until-written.test.ts", name });

export const durableTokens: Invariant = {
  number: 2,
  promise: "A token set received is durable before it is used or forgotten; only a later generation replaces it",
  why:
    "Once a provider has rotated a token, its answer is the only copy of the next one. So it is read whatever is wrong with " +
    "the answer around it, written until the database has taken it, put into the escrow as soon as that fails once, and kept " +
    "as a candidate when it comes too late to be the current one.",
  guards: [
    {
      does: "A new refresh token is taken out of an answer whatever else is wrong with it",
      file: "packages/core/src/judge.ts",
      test: {
        file: "packages/core/test/judge/judge.property.test.ts",
        name: "a new refresh token in a readable 2xx is never lost",
      },
      mutants: [
        {
          name: "no-access-token-no-success",
          find: "if (accessToken !== null || isNew) {",
          replace: "if (accessToken !== null) {",
          means: "an answer without an access token loses its refresh token",
        },
        {
          name: "errors-beat-tokens",
          find: "if (succeeded && fields !== null && (accessToken ?? refreshToken) !== null) {",
          replace:
            "if (succeeded && said.error === null && fields !== null && (accessToken ?? refreshToken) !== null) {",
          means: "an error beside the tokens throws them away",
        },
      ],
    },
    {
      does: "An answer that has arrived whole is read, whatever came of its connection",
      file: "packages/providers/src/exchange.ts",
      test: {
        file: "packages/providers/test/whole-answers.test.ts",
        name: "a token set that has arrived whole is kept",
      },
      mutants: [
        {
          name: "broken-connections-lose-answers",
          find: 'const body = isBounded ? readBody(Buffer.concat(this.#chunks), this.#head.headers["content-encoding"]).body : null;',
          replace: "const body = isBounded && false ? readBody(Buffer.concat(this.#chunks), undefined).body : null;",
          means: "a connection that is cut after the last byte costs the token",
        },
      ],
    },
    {
      does: "An answer that came while the process slept is read before the time for it is found to be over",
      file: "packages/providers/src/awake-timeout.ts",
      test: {
        file: "packages/providers/test/asleep.test.ts",
        name: "an answer that came while the process was asleep",
      },
      mutants: [
        {
          name: "sleep-counts-as-silence",
          find: "const lookMs = Math.min(LONGEST_LOOK_MS, Math.ceil(timeoutMs / LOOKS_PER_TIMEOUT));",
          replace: "const lookMs = timeoutMs;",
          build: ["packages/providers"],
          means: "a machine that stood still gives the answer up when it wakes",
        },
      ],
    },
    {
      does: "A settle is tried until the database has taken it",
      file: "apps/worker/src/settle-until-written.ts",
      test: untilWritten("are written again until"),
      mutants: [
        {
          name: "settle-gives-up",
          find: "    parts.onWaiting(error, settlements.length);\n    await delay(waitMs);",
          replace: "    return parts.onResults(settlements, allOf(settlements, asError(error)));",
          means: "the first failure forgets the token set",
        },
      ],
    },
    {
      does: "Only what the database says about the row itself ends the trying",
      file: "packages/store/src/client-errors.ts",
      test: {
        file: "packages/store/test/client/refusals.test.ts",
        name: "what somebody mends is no refusal",
      },
      mutants: [
        {
          name: "unknown-errors-are-refusals",
          find: 'return /^(22...|23...|54...|0A000|XX001)$/.test(readFacts(error).state ?? "");',
          replace: "return !isTransient(error);",
          means: "a changed password or a migration under way costs tokens",
        },
      ],
    },
    {
      does: "A poisoned row fails alone, and one that somebody holds waits alone",
      file: "apps/worker/src/settle-until-written.ts",
      test: untilWritten("one that the database refuses fails alone"),
      mutants: [
        {
          name: "neighbours-fail-together",
          find: "    if ((isRefused || parts.isTimeout(error)) && settlements.length > 1) return settleHalves(settlements, parts);\n",
          replace: "",
          means: "one bad row takes its whole batch along",
        },
        {
          name: "neighbours-wait-together",
          find: "if ((isRefused || parts.isTimeout(error)) && settlements.length > 1)",
          replace: "if (isRefused && settlements.length > 1)",
          test: untilWritten("one whose row somebody holds waits alone"),
          means: "one held row holds up its whole batch",
        },
      ],
    },
    {
      does: "A token set is written without its journal when that is what the database refuses",
      file: "apps/worker/src/settle-until-written.ts",
      test: untilWritten("one whose journal is refused is written without it"),
      mutants: [
        {
          name: "journal-before-token",
          find: "    if (isRefused && hasJournal(settlements)) return settleWithoutJournal(settlements, parts);\n",
          replace: "",
          means: "an event that cannot be stored costs the token",
        },
      ],
    },
    {
      does: "A number out of its column's bounds never costs a token",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("that comes a month late is stored all the same"),
      mutants: [
        {
          name: "statistics-cost-tokens",
          find: "return Math.min(2_147_483_647, Math.max(0, Math.round(ms)));",
          replace: "return Math.round(ms);",
          failsWith: "a value was refused",
          means: "a lateness of a month refuses the whole row",
        },
      ],
    },
    ...escrowGuards,
    ...lateGuards,
    ...lastCopyGuards,
    ...spentGuards,
    {
      does: "An access token whose successor is missing is dropped at once",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("whose access token is missing drops the old one at once"),
      mutants: [
        {
          name: "old-access-token-stays",
          find: "refresh_token = w.refresh_token, access_token = w.access_token,",
          replace: "refresh_token = w.refresh_token, access_token = coalesce(w.access_token, t.access_token),",
          means: "the tokens of two generations stand side by side, one sealed for the other",
        },
      ],
    },
    {
      does: "An import never puts a token back that has been rotated since",
      file: "packages/store/src/connections/plan-import.ts",
      test: {
        file: "packages/store/test/connections/import-connections.test.ts",
        name: "never brings back a token that has been rotated since, not even with replace",
      },
      mutants: [
        {
          name: "import-knows-no-owners",
          find: "owner: owners.get(fingerprint), fingerprint }",
          replace: "owner: undefined, fingerprint }",
          means: "a file from last week would replace the living tokens",
        },
      ],
    },
  ],
};
