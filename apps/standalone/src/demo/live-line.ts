import { readTotals, type Totals } from "./totals.ts";

const EVERY_MS = 1_000;
/** Where lines cannot be rewritten, one now and then is enough. */
const PLAIN_EVERY_MS = 5_000;

/** Shows on standard error what the fleet does, until it is told to stop. */
export function showLive(statusUrl: string, before: Totals): () => void {
  const { stderr } = process;
  const startedAt = performance.now();
  let last = { refreshes: before.refreshes, at: startedAt };
  const show = async () => {
    const totals = await readTotals(statusUrl).catch(() => null);
    if (totals === null || stopped) return;
    const at = performance.now();
    const perSecond = ((totals.refreshes - last.refreshes) / (at - last.at)) * 1000;
    last = { refreshes: totals.refreshes, at };
    const line = describe(totals, totals.refreshes - before.refreshes, perSecond, at - startedAt);
    stderr.write(stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
  let stopped = false;
  const timer = setInterval(() => void show(), stderr.isTTY ? EVERY_MS : PLAIN_EVERY_MS);
  return () => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    if (stderr.isTTY) stderr.write("\n");
  };
}

function describe(totals: Totals, refreshes: number, perSecond: number, elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1000);
  const clock = `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;
  return [
    clock,
    `${totals.connections} connections`,
    `${refreshes} refreshes (${perSecond.toFixed(0)}/s)`,
    `${totals.stale} stale`,
    `${totals.overdue} overdue`,
    `${totals.needsReauth} need re-authorization`,
  ].join(" · ");
}
