const lookEveryMs = 100;
const stallMs = 800;

/**
 * Tells when this process was not run for a while, and so probably the whole machine: a worker that stood still with it
 * for longer than its lease is a sleeper that nobody placed.
 */
export function watchStalls(onStall: (stalledMs: number) => void): { close(): void } {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const stalledMs = Math.round(now - last - lookEveryMs);
    last = now;
    if (stalledMs > stallMs) onStall(stalledMs);
  }, lookEveryMs);
  return { close: () => clearInterval(timer) };
}
