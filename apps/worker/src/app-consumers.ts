/** What is known of an OAuth app's running consumer. */
export interface Consumer {
  close(): Promise<void>;
}

/**
 * Keeps one consumer running for each OAuth app: apps that appear are taken up, apps that vanish let
 * go. One app's trouble never touches another's consumer.
 */
export function createAppConsumers(parts: {
  readonly appIds: () => Promise<Iterable<string>>;
  readonly consume: (appId: string) => Consumer;
  readonly onError: (error: unknown) => void;
  readonly everyMs: number;
}): { start(): Promise<void>; close(): Promise<void> } {
  const running = new Map<string, Consumer>();
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let closed = false;

  const align = async () => {
    try {
      const wanted = new Set(await parts.appIds());
      if (closed) return;
      for (const appId of wanted) if (!running.has(appId)) running.set(appId, parts.consume(appId));
      const gone = [...running].filter(([appId]) => !wanted.has(appId));
      for (const [appId] of gone) running.delete(appId);
      await Promise.all(gone.map(([, consumer]) => consumer.close()));
    } catch (error) {
      parts.onError(error);
    }
  };

  return {
    async start() {
      round = align();
      await round;
      timer = setInterval(() => {
        round = round.then(align);
      }, parts.everyMs);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await round;
      await Promise.all([...running.values()].map((consumer) => consumer.close()));
      running.clear();
    },
  };
}
