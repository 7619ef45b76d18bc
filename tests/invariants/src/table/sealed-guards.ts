import type { Guard, TestName } from "../invariant.ts";

const vaultTest = (name: string): TestName => ({ file: "packages/store/test/secrets/token-vault.test.ts", name });
const databaseErrorTest = (name: string): TestName => ({ file: "packages/store/test/client/client.test.ts", name });

/** Of invariant 7: what is stored is sealed, and opens in its own place only. */
export const sealedGuards: readonly Guard[] = [
  {
    does: "The database refuses a token that is not sealed",
    file: "prisma/migrations/20261123000000_init/migration.sql",
    test: databaseErrorTest("of a token in the clear, or of its text forms, are refused by the database itself"),
    mutants: [
      {
        name: "clear-tokens-are-stored",
        find:
          '  ADD CONSTRAINT "token_set_refresh_token_is_sealed" CHECK (octet_length("refresh_token") > 28 AND ' +
          'get_byte("refresh_token", 0) < 32),\n',
        replace: "",
        means: "a bug stores tokens in the clear, and nobody notices",
      },
    ],
  },
  {
    does: "A ciphertext opens in its own place only: connection, field and generation",
    file: "packages/store/src/secrets/token-vault.ts",
    test: vaultTest("does not open in a place that differs little: one of the next generation"),
    mutants: [
      {
        name: "ciphertexts-fit-any-generation",
        find: 'context: joinContext("token", connectionId, field, generation),',
        replace: 'context: joinContext("token", connectionId, field),',
        means: "a spent token that is copied back opens as the current one",
      },
      {
        name: "ciphertexts-fit-any-field",
        find: 'context: joinContext("token", connectionId, field, generation),',
        replace: 'context: joinContext("token", connectionId, generation),',
        test: vaultTest("does not open in a place that differs little: one of another field"),
        means: "a refresh token is handed out where an access token is asked for",
      },
      {
        name: "one-key-for-all-connections",
        find: 'owner: joinContext("token", connectionId),\n    context: joinContext("token", connectionId, field, generation),',
        replace: 'owner: joinContext("token"),\n    context: joinContext("token", field, generation),',
        test: vaultTest("does not open in a place that differs little: one of another connection"),
        means: "one customer's token opens as another's",
      },
    ],
  },
  {
    does: "What is put into the escrow is sealed once more, as a whole",
    file: "apps/worker/src/escrow/escrow-keeper.ts",
    test: {
      file: "apps/worker/test/escrow/escrow-keeper.test.ts",
      name: "gives back a settlement with a token set as it was",
    },
    mutants: [
      {
        name: "escrow-in-the-clear",
        find: "sealed: vault.sealSettlement(settlement.intentId, settlementToText({ settlement, putAt: now() })),",
        replace: "sealed: new Uint8Array(Buffer.from(settlementToText({ settlement, putAt: now() }))),",
        means: "Redis shows whose token waits, and what its provider said",
      },
    ],
  },
  {
    does: "Of a stored token people are shown eight characters of its fingerprint",
    file: "packages/store/src/connections/load-connection.ts",
    test: {
      file: "packages/store/test/connections/read-connections.test.ts",
      name: "gives away no token, no ciphertext and too little of the fingerprint to test a guess",
    },
    mutants: [
      {
        name: "whole-fingerprints-are-shown",
        find: '.toString("hex").slice(0, FINGERPRINT_CHARACTERS)',
        replace: '.toString("hex")',
        means: "whoever holds the key for fingerprints can test guesses",
      },
    ],
  },
  {
    does: "New data keys are made only where nothing was encrypted yet",
    file: "packages/store/src/secrets/open-vault.ts",
    test: {
      file: "packages/store/test/secrets/open-vault.test.ts",
      name: "refuses to make new keys when tokens were encrypted under some that are gone",
    },
    mutants: [
      {
        name: "lost-keys-are-made-anew",
        find: "const isFirst = !(await hasCiphertexts(store));",
        replace: "const isFirst = true;",
        means: "what was lost by mistake is covered up, and every stored token reads as damaged",
      },
    ],
  },
];
