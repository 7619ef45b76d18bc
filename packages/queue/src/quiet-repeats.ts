const QUIET_MS = 10_000;
const MESSAGES_REMEMBERED = 100;

/**
 * Passes each error on, but the same complaint at most once in 10 s.
 *
 * BullMQ tells of one lost connection through every object that uses it, and again with every attempt to reconnect:
 * without this an outage of a minute is thousands of equal log lines.
 *
 * @param now milliseconds, any steady origin.
 */
export function quietRepeats(onError: (error: Error) => void, now: () => number = Date.now): (error: Error) => void {
  const lastSaidMs = new Map<string, number>();
  return (error) => {
    const complaint = `${error.name}|${"code" in error ? String(error.code) : ""}|${error.message}`;
    const saidMs = lastSaidMs.get(complaint);
    if (saidMs !== undefined && now() - saidMs < QUIET_MS) return;
    if (lastSaidMs.size >= MESSAGES_REMEMBERED) lastSaidMs.clear();
    lastSaidMs.set(complaint, now());
    onError(error);
  };
}
