import { exitCodes, UserError } from "@evergrant/runtime/command";
import { describeStoreError, isTransient, NotMigratedError } from "@evergrant/store";

const OUTDATED = "the database is not up to date; run: evergrant migrate";
const MISTAKES: readonly (readonly [RegExp, string])[] = [
  [/\b(42P01|42703|42704|3F000|P2021|P2022)\b/, OUTDATED],
  [/\b(28P01|28000|P1000)\b/, "the database refuses the user or the password in DATABASE_URL"],
  [/\b(3D000|P1003)\b/, "the database named in DATABASE_URL does not exist; create it with: evergrant migrate"],
  [
    /\b42501\b/,
    "the database user lacks a right on Evergrant's tables; grant it, or use the user that ran the migrations",
  ],
];

/** What an operator can do about an error of the store; undefined where it is a bug or no error of the store. */
export function explainStoreError(error: unknown): UserError | undefined {
  if (error instanceof NotMigratedError) return new UserError(OUTDATED, { cause: error });
  const about = describeStoreError(error);
  const mistake = MISTAKES.find(([pattern]) => pattern.test(about));
  if (mistake !== undefined) return new UserError(mistake[1], { cause: error });
  if (!isTransient(error)) return undefined;
  const message = `the database is away: ${about}; check that it runs where DATABASE_URL points, then try again`;
  return new UserError(message, { exitCode: exitCodes.dependencyAway, cause: error });
}
