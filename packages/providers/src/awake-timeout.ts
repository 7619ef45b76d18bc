const LONGEST_LOOK_MS = 1_000;
const LOOKS_PER_TIMEOUT = 4;

/**
 * Calls `onTimeout` once this process has been awake for `timeoutMs`. Time in which it stood still (a frozen
 * machine, SIGSTOP, a long collection) counts as one look at most: what arrived meanwhile waits in the
 * sockets, and an ordinary timer would fire before anybody has read it.
 *
 * @returns what ends the wait
 */
export function awakeTimeout(onTimeout: () => void, timeoutMs: number): () => void {
  const lookMs = Math.min(LONGEST_LOOK_MS, Math.ceil(timeoutMs / LOOKS_PER_TIMEOUT));
  let leftMs = timeoutMs;
  let timer = setTimeout(look, lookMs);
  return () => clearTimeout(timer);

  function look(): void {
    leftMs -= lookMs;
    if (leftMs > 0) timer = setTimeout(look, Math.min(lookMs, leftMs));
    else onTimeout();
  }
}
