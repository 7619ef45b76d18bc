import { ZodError } from "zod";

/** One line for a person: what is wrong and where. */
export function explainError(error: unknown): string {
  if (error instanceof ZodError) {
    return error.issues.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": ")).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
