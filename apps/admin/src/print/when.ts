const UNITS = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1_000 },
] as const;

/** A time as seen from `now`: `in 12 min`, `3 h ago`, `now`; `-` when there is none. Both epoch ms. */
export function when(time: number | null, now: number): string {
  if (time === null) return "-";
  const duration = lasting(Math.abs(time - now));
  if (duration === null) return "now";
  return time > now ? `in ${duration}` : `${duration} ago`;
}

/** The time itself and how far away it is, for places with room. */
export function moment(time: number | null, now: number): string {
  return time === null ? "-" : `${new Date(time).toISOString()} (${when(time, now)})`;
}

function lasting(ms: number): string | null {
  const unit = UNITS.find((candidate) => ms >= candidate.ms);
  return unit === undefined ? null : `${Math.floor(ms / unit.ms)} ${unit.name}`;
}
