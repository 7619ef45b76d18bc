import { toError } from "./to-error.ts";

/** A queue could not be read or written: Redis or Postgres is away, refuses or does not answer. To be tried again later. */
export class QueueBackendError extends Error {
  override readonly name = "QueueBackendError";
  readonly kind: "redis" | "postgres";

  constructor(kind: "redis" | "postgres", cause: unknown) {
    const reason = toError(cause);
    // ioredis says how often it tried and not what was wrong; that it told when it tried.
    const text = reason.name === "MaxRetriesPerRequestError" ? "no connection" : reason.message;
    super(`The queue in ${kind === "redis" ? "Redis" : "Postgres"} cannot be used: ${text}`, { cause });
    this.kind = kind;
  }
}
