import type { Guard } from "../invariant.ts";

/** Of invariant 2: what keeps the only copy of a token from depending on somebody else's setting, or an older story. */
export const lastCopyGuards: readonly Guard[] = [
  {
    does: "A commit counts only when it has reached the disk",
    file: "packages/store/src/client.ts",
    test: {
      file: "packages/store/test/client/client.test.ts",
      name: "takes no commit for done that a crash can undo",
    },
    mutants: [
      {
        name: "commits-may-be-undone",
        find: "WHERE current_setting('synchronous_commit') = 'off'",
        replace: "WHERE false",
        means: "where somebody has turned it off, a crash of PostgreSQL takes back what it has acknowledged",
      },
    ],
  },
  {
    does: "Of several entries of one refresh the rotation is taken first",
    file: "apps/worker/src/escrow/take-over.ts",
    test: {
      file: "apps/worker/test/escrow/take-over.test.ts",
      name: "a rotation is taken before a failure of another worker's",
    },
    mutants: [
      {
        name: "later-failures-hide-rotations",
        find: "Number(hasRotated(one)) - Number(hasRotated(other)) || ",
        replace: "",
        means: "the old failure of a worker that is cut off ends a refresh that had brought a token",
      },
    ],
  },
];
