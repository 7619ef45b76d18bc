import type { Candidate } from "@evergrant/store";
import type { AppCredentials } from "./app-credentials.ts";
import type { PresentedAnswer, PresentedToken } from "./present-token.ts";

export interface CandidateParts {
  /** The next one to be presented; null when there is none, or the lease is no longer ours. */
  readonly next: (tried: readonly bigint[]) => Promise<Candidate | null>;
  /** Notes that its provider has refused one. */
  readonly refuse: (id: bigint) => Promise<void>;
  readonly present: (token: PresentedToken, app: AppCredentials) => Promise<PresentedAnswer>;
}

/**
 * The current refresh token was refused: before that counts against the customer, the token sets that
 * reached us and were never current are presented, newest first. One may be the living one: a worker that
 * slept brought it home too late to be stored as current.
 *
 * @returns the first answer that is no refusal, and the token that it answers; null when there is none
 */
export async function presentCandidates(
  connectionId: string,
  app: AppCredentials,
  { next, refuse, present }: CandidateParts,
): Promise<{ readonly token: PresentedToken; readonly answer: PresentedAnswer } | null> {
  const tried: bigint[] = [];
  for (let candidate = await next(tried); candidate !== null; candidate = await next(tried)) {
    tried.push(candidate.id);
    const token = { connectionId, generation: candidate.generation, refreshToken: candidate.refreshToken };
    const answer = await present(token, app);
    if (answer.outcome.kind !== "rejected") return { token, answer };
    await refuse(candidate.id);
  }
  return null;
}
