import type { Guard, TestName } from "../invariant.ts";

const safely = (name: string): TestName => ({ file: "apps/worker/test/escrow/settle-safely.test.ts", name });
const takeOver = (name: string): TestName => ({ file: "apps/worker/test/escrow/take-over.test.ts", name });
const fileEscrow: TestName = {
  file: "packages/store/test/escrow/file-escrow.test.ts",
  name: "an entry is on the disk before it has its name",
};
const cutOff = (how: string): TestName => ({
  file: "apps/worker/test/cut-off-worker.test.ts",
  name: `a slow answer to the one worker whose database ${how}`,
});
const redisAway: TestName = {
  file: "packages/store/test/escrow/escrow.test.ts",
  name: "while Redis is away the folder takes what comes",
};

/** Of invariant 2: where tokens wait while the database cannot take them. */
export const escrowGuards: readonly Guard[] = [
  {
    does: "A settle that fails once, or takes longer than a second, is put into the escrow",
    file: "apps/worker/src/escrow/settle-safely.ts",
    test: safely("a settle that fails once is in the escrow before it is tried again"),
    mutants: [
      {
        name: "failures-are-not-put-aside",
        find: "      void (mayWait ? aside.put() : letGo());\n",
        replace: "      if (!mayWait) void letGo();\n",
        means: "a worker that is killed while it waits takes the token along",
      },
      {
        name: "the-escrow-is-tried-once",
        find: "while (!(await put()) && escrow.hasPlace && until?.aborted !== true) {",
        replace: "while (!(await put()) && false) {",
        test: safely("a settle that hangs is put aside a second later again"),
        means: "an escrow that was away for a second has no use for as long as the database is silent",
      },
      {
        name: "hangs-are-not-put-aside",
        find: "setTimeout(() => void aside.putForSure(hasEnded.signal), PUT_ASIDE_AFTER_MS)",
        replace: "setTimeout(() => {}, PUT_ASIDE_AFTER_MS)",
        test: safely("a settle that hangs is put aside while it hangs"),
        means: "a database that is silent is no failure, and nothing is put aside",
      },
    ],
  },
  {
    does: "A worker that stops lets a settle go only when it is safe elsewhere at that moment",
    file: "apps/worker/src/escrow/settle-safely.ts",
    test: safely("on a stop, what the escrow does not take either is not let go of"),
    mutants: [
      {
        name: "lets-go-of-what-is-not-safe",
        find: "mayLetGo: async () => parts.isStopping() && (await aside.put()),",
        replace: "mayLetGo: async () => parts.isStopping(),",
        means: "a stop while database and escrow are away forgets the token",
      },
    ],
  },
  {
    does: "A refresh waits for its own settle alone, and no longer than a lease once that is safe",
    file: "apps/worker/src/escrow/settle-safely.ts",
    test: safely("one whose row somebody holds keeps no neighbour's refresh waiting"),
    mutants: [
      {
        name: "neighbours-are-answered-together",
        find: "for (const [index, settlement] of some.entries()) end(settlement, theirs[index] as WrittenResult);",
        replace:
          "void done.then(() => {\n" +
          "        for (const [index, settlement] of some.entries()) end(settlement, theirs[index] as WrittenResult);\n" +
          "      });",
        failsWith: "Test timed out",
        means: "nobody refreshes the neighbours of a held row for as long as it is held",
      },
      {
        name: "cut-off-workers-never-let-go",
        find: "setTimeout(() => void letGo(), parts.letGoAfterMs)",
        replace: "setTimeout(() => {}, parts.letGoAfterMs)",
        test: safely("what is safe in the escrow lets its refresh go after a while"),
        failsWith: "Test timed out",
        means: "a worker that is cut off from the database keeps its connections from all others",
      },
    ],
  },
  {
    does: "What the database refuses for good stays in the escrow",
    file: "apps/worker/src/escrow/settle-safely.ts",
    test: safely("a token set whose row the database refuses stays in the escrow"),
    mutants: [
      {
        name: "refused-rows-are-given-up",
        find: "some.every(({ tokens }) => tokens === null) || (await aside.put()),",
        replace: "some.length > 0,",
        test: safely("a token set that is refused while the escrow takes nothing is kept"),
        failsWith: "Test timed out",
        means: "while the escrow is away as well it is not tried again, though somebody may have mended the row",
      },
      {
        name: "the-homeless-are-not-put-aside",
        find: "      if (some.some((settlement, index) => staysAside(settlement, results[index]))) await putForSure();\n",
        replace: "",
        test: safely("a token set whose connection is missing stays in the escrow"),
        means: "nobody can look at it any more",
      },
      {
        name: "refused-rows-are-removed",
        find: 'return result !== undefined && result !== "escrowed" && !staysAside(settlement, result);',
        replace: 'return result !== undefined && result !== "escrowed";',
        means: "it is put there and taken out again",
      },
      {
        name: "the-homeless-are-forgotten",
        find: 'return result instanceof Error || (result === "missing" && tokens !== null);',
        replace: "return result instanceof Error;",
        test: safely("a token set whose connection is missing stays in the escrow"),
        means: "a restored backup that lacks the connection costs its only token",
      },
    ],
  },
  {
    does: "An entry leaves the escrow only once it has been written",
    file: "apps/worker/src/escrow/settle-waiting.ts",
    test: takeOver("a settle that fails leaves the entry where it is"),
    mutants: [
      {
        name: "escrow-forgets-first",
        find: "  const results = await writeOrBare(",
        replace:
          "  await parts.escrow.remove(waiting.map(({ settlement }) => settlement.intentId));\n" +
          "  const results = await writeOrBare(",
        means: "a database that is still away costs what waited for it",
      },
      {
        name: "the-homeless-are-drained",
        find: 'if (result === "missing" && settlement.tokens !== null) parts.onHomeless(settlement);',
        replace: "if (false) parts.onHomeless(settlement);",
        test: {
          file: "apps/worker/test/escrow/drain-escrow.test.ts",
          name: "a token set whose connection is missing stays",
        },
        means: "a restored backup that lacks the connection costs its only token",
      },
    ],
  },
  {
    does: "What waits in the escrow is written by whoever lives",
    file: "apps/worker/src/escrow/drain-escrow.ts",
    test: {
      file: "apps/worker/test/escrow/drain-escrow.test.ts",
      name: "what a worker that is gone has left is settled by whoever lives",
    },
    mutants: [
      {
        name: "escrow-is-looked-into-once",
        find: "    round ??= look();\n",
        replace: "",
        means: "what was put there after the start waits for the next restart",
      },
      {
        name: "poison-in-the-escrow",
        find: "if (!isRefusal(error) && !isTimeout(error)) throw error;",
        replace: "if (isRefusal(error) || waiting.length > 0) throw error;",
        test: {
          file: "apps/worker/test/escrow/drain-escrow.test.ts",
          name: "one that the database refuses stays, and holds up no other",
        },
        means: "one bad row keeps all others waiting",
      },
    ],
  },
  {
    does: "Whoever takes over from a lost worker looks into the escrow before it asks the provider",
    file: "apps/worker/src/refresh-connection.ts",
    test: {
      file: "apps/worker/test/refresh-connection.test.ts",
      name: "whose predecessor was lost asks nobody when the escrow's answer is",
    },
    mutants: [
      {
        name: "takes-over-without-a-look",
        find: '    if (claim.unsettledSince !== null && (await parts.takeOver(claim)) !== "nothing") return DONE;\n',
        replace: "",
        means: "a spent token is presented while the next one waits in the escrow",
      },
    ],
  },
  {
    does: "Nobody is told that nothing waits while a part of the escrow cannot be looked into",
    file: "apps/worker/src/escrow/take-over.ts",
    test: takeOver("while a part of the escrow cannot be looked into"),
    mutants: [
      {
        name: "half-a-look-is-a-look",
        find: 'return complete && sawAwaited ? "nothing" : "unreadable";',
        replace: 'return sawAwaited ? "nothing" : "unreadable";',
        means: "while Redis is away, what lies there counts as not there",
      },
      {
        name: "awaited-unseen-is-not-awaited",
        find: 'return complete && sawAwaited ? "nothing" : "unreadable";',
        replace: 'return complete ? "nothing" : "unreadable";',
        test: takeOver("while nobody can tell what is awaited"),
        means: "while Redis is away, a worker that waits for an answer counts as dead",
      },
      {
        name: "any-connection-ends-a-refresh",
        find: "    .filter(({ settlement }) => settlement.connectionId === claim.connection.id)\n",
        replace: "",
        test: takeOver("another connection's settlement says nothing about this one"),
        means: "another customer's entry ends it",
      },
      {
        name: "any-generation-ends-a-refresh",
        find: "    .filter(({ settlement }) => settlement.generation === claim.generation)\n",
        replace: "",
        test: takeOver("an older generation's settlement says nothing about this one"),
        means: "an old entry ends a refresh that it knows nothing of",
      },
    ],
  },
  {
    does: "A worker that alone has lost the database says so while it awaits an answer, and nobody takes it for dead",
    file: "apps/worker/src/lease-keeper.ts",
    test: cutOff("is refused"),
    mutants: [
      {
        name: "refused-renewals-are-not-told",
        find: "      onUnrenewed(leases());\n      onError(error);",
        replace: "      onError(error);",
        means: "its lease ends, another presents the token that is spent",
      },
      {
        name: "silent-renewals-are-not-told",
        find: "if (renewing) return onUnrenewed(leases());",
        replace: "if (renewing) return;",
        test: cutOff("is silent"),
        means: "a database that is silent is no failure, and nobody is told",
      },
      {
        name: "taken-over-is-forgotten",
        find: "      if (missing.length > 0) onUnrenewed(missing);\n",
        replace: "",
        test: {
          file: "apps/worker/test/lease-keeper.test.ts",
          name: "by somebody who has taken it over before the database was back",
        },
        means: "its database is back before the answer, and the next one to take over asks again",
      },
    ],
  },
  {
    does: "Whoever takes over leaves alone what another worker still awaits",
    file: "apps/worker/src/escrow/take-over.ts",
    test: cutOff("is refused"),
    mutants: [
      {
        name: "awaited-is-asked-again",
        find: '        if (isAwaited) return "awaited";\n',
        replace: "",
        means: "the word is given and nobody listens",
      },
      {
        name: "renewal-is-taken-for-the-answer",
        find: " && !(left !== undefined && hasRotated(left))",
        replace: " && left === undefined",
        test: takeOver("a renewal is not taken while another answer is awaited"),
        means: "a sleeper's renewal is settled, and the successor that is on its way comes second",
      },
      {
        name: "awaited-is-looked-at-last",
        find: "    const { awaited, complete: sawAwaited } = await escrow.readAwaited(claims.map(requestOf));\n    const { waiting, complete } = await escrow.readAll();\n",
        replace:
          "    const { waiting, complete } = await escrow.readAll();\n    const { awaited, complete: sawAwaited } = await escrow.readAwaited(claims.map(requestOf));\n",
        test: takeOver("an answer that has come meanwhile is taken"),
        means: "an answer that comes between the two looks is in neither",
      },
    ],
  },
  {
    does: "An entry in a folder is on the disk before it counts as put",
    file: "packages/store/src/escrow/file-escrow.ts",
    test: fileEscrow,
    mutants: [
      {
        name: "file-is-not-synced",
        find: "      await file.sync();\n",
        replace: "",
        means: "a power cut leaves an empty file under its name",
      },
      {
        name: "folder-is-not-synced",
        find: "      await syncDirectory(directory);\n",
        replace: "",
        means: "a power cut takes the file's name away",
      },
      {
        name: "half-a-file-has-its-name",
        find: "const draft = join(directory, `${id}.draft`);",
        replace: "const draft = fileOf(id);",
        means: "a crash leaves half an entry that looks whole",
      },
    ],
  },
  {
    does: "While Redis is away the folder takes what comes, and what lies in Redis is known to be unseen",
    file: "packages/store/src/escrow/open-escrow.ts",
    test: redisAway,
    mutants: [
      {
        name: "one-place-only",
        find: "for (const place of places) {",
        replace: "for (const place of places.slice(0, 1)) {",
        failsWith: "EscrowError",
        means: "the escrow is away with Redis, though it has a folder",
      },
      {
        name: "blind-look-is-complete",
        find: "return { entries: found, complete: faults.length === 0, faults };",
        replace: "return { entries: found, complete: true, faults };",
        means: "a place that did not answer counts as empty",
      },
      {
        name: "blind-look-awaits-nothing",
        find: 'return { awaited: new Set(found), complete: looks.every((look) => look.status === "fulfilled") };',
        replace: "return { awaited: new Set(found), complete: true };",
        test: { file: redisAway.file, name: "while Redis is away the folder also says what is awaited" },
        means: "a place that did not answer awaits nothing",
      },
    ],
  },
  {
    does: "What is written while it is being put aside leaves the escrow after it has come there",
    file: "apps/worker/src/escrow/settle-safely.ts",
    test: safely("one that is written while it is being put aside leaves the escrow all the same"),
    mutants: [
      {
        name: "the-escrow-is-emptied-too-soon",
        find: "      await putting;\n",
        replace: "",
        means: "a settled refresh stays there as if it were the only copy",
      },
    ],
  },
];
