import type { MinuteActivity } from "@evergrant/store";
import { clockTime, count } from "../format.ts";
import { type Html, html } from "./html.ts";

const BAR_WIDTH = 10;
const GAP = 2;
const HEIGHT = 60;
/** Something that happened is seen, however small beside the rest. */
const SMALLEST_BAR = 1.5;

/** One bar a minute, as high as its refreshes; the failed ones stand on top. Scales to its container. */
export function sparkline(minutes: readonly MinuteActivity[]): Html {
  const highest = Math.max(1, ...minutes.map(total));
  const width = Math.max(1, minutes.length) * BAR_WIDTH;
  const bars = minutes.map((minute, index) => bar(minute, index * BAR_WIDTH, HEIGHT / highest));
  return html`<svg class="sparkline" viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${describe(minutes)}">
<line class="base" x1="0" x2="${width}" y1="${HEIGHT}" y2="${HEIGHT}"></line>${bars}</svg>`;
}

export function total({ succeeded, rejected, failed }: MinuteActivity): number {
  return succeeded + rejected + failed;
}

function bar(minute: MinuteActivity, x: number, scale: number): Html {
  const title = `${clockTime(minute.at)} UTC: ${count(total(minute))} refreshes, ${count(minute.rejected)} invalid_grant, ${count(minute.failed)} other failures`;
  let top = HEIGHT;
  const stack = (refreshes: number, kind: string): Html | null => {
    if (refreshes === 0) return null;
    const height = Math.max(SMALLEST_BAR, refreshes * scale);
    top -= height;
    return html`<rect class="${kind}" x="${x + GAP / 2}" y="${round(top)}" width="${BAR_WIDTH - GAP}" height="${round(height)}"></rect>`;
  };
  return html`<g><title>${title}</title><rect class="hover" x="${x}" y="0" width="${BAR_WIDTH}" height="${HEIGHT}"></rect>${stack(minute.succeeded, "succeeded")}${stack(minute.failed, "failed")}${stack(minute.rejected, "rejected")}</g>`;
}

function describe(minutes: readonly MinuteActivity[]): string {
  const all = minutes.reduce((sum, minute) => sum + total(minute), 0);
  return `Refreshes per minute of the last hour: ${count(all)} in all, ${count(Math.max(0, ...minutes.map(total)))} in the busiest minute`;
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}
