import type { BreakerPolicy } from "@evergrant/core";
import type { Logger } from "@evergrant/runtime";
import { endProbe, openBreaker, readAnswers, type Store } from "@evergrant/store";
import { type BreakerWatch, watchBreakers } from "./breaker-watch.ts";

/** Wires the watch over the apps' breakers to the store and the log of this process. */
export function openBreakerWatch({
  store,
  policy,
  logger,
  onError,
}: {
  readonly store: Store;
  readonly policy: (appId: string) => Promise<BreakerPolicy | null>;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}): BreakerWatch {
  return watchBreakers({
    policy,
    readAnswers: (appId, limits) => readAnswers(store, appId, limits),
    open: (opening) => openBreaker(store, opening),
    endProbe: (end) => endProbe(store, end),
    onOpened: (oauthApp, reason, evidence) =>
      logger.error({ event: "breaker_opened", oauthApp, reason, ...evidence }, "the app's breaker opened"),
    onClosed: (oauthApp) => logger.info({ event: "breaker_closed", oauthApp, by: "probe" }, "the app's breaker closed"),
    onError,
  });
}
