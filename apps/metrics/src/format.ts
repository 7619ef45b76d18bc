const NUMBERS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** `12,345` */
export function count(number: number): string {
  return NUMBERS.format(number);
}

/** `850 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `12 days` */
export function duration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.floor(ms)} ms`;
  if (ms < 10 * SECOND_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) {
    const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
    return `${Math.floor(ms / HOUR_MS)} h${minutes === 0 ? "" : ` ${minutes} min`}`;
  }
  return `${count(Math.floor(ms / DAY_MS))} days`;
}

/** `0%`, `0.4%`, `12%`; never 0% for something and never 100% for less than all. Empty when there is no whole. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "";
  const share = (100 * part) / whole;
  if (part > 0 && share < 0.1) return "<0.1%";
  if (part < whole && share > 99.9) return ">99.9%";
  return share === 0 || share === 100 || share >= 10
    ? `${Math.floor(share)}%`
    : `${(Math.floor(share * 10) / 10).toFixed(1)}%`;
}

/** `2026-11-21 10:00:05`, in UTC. */
export function timestamp(at: Date): string {
  return at.toISOString().slice(0, 19).replace("T", " ");
}

/** `10:00`, in UTC. */
export function clockTime(at: Date): string {
  return at.toISOString().slice(11, 16);
}
