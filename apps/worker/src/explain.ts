import { UserError } from "@evergrant/runtime";
import { NotMigratedError } from "@evergrant/store";
import { SecretError } from "@evergrant/store/secrets";

/** What an operator can mend; undefined where it is a bug. */
export function explain(error: unknown): UserError | undefined {
  const known = error instanceof SecretError || error instanceof NotMigratedError;
  return known ? new UserError(error.message, { cause: error }) : undefined;
}
