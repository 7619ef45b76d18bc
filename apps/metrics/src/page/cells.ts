import { count, duration, percent, timestamp } from "../format.ts";
import { type Html, html } from "./html.ts";

/** A number; nothing to see when it is 0. */
export function quietCount(number: number): Html {
  return number === 0 ? html`<span class="quiet">0</span>` : html`${count(number)}`;
}

/** A number that should be 0. */
export function faultCount(number: number): Html {
  return number === 0 ? html`<span class="quiet">0</span>` : html`<strong class="trouble">${count(number)}</strong>`;
}

/** A duration; nothing to see when it is 0. */
export function quietDuration(ms: number): Html {
  return ms === 0 ? html`<span class="quiet">–</span>` : html`${duration(ms)}`;
}

/** `1.3% 4 / 310` */
export function rate(part: number, whole: number): Html {
  if (whole === 0) return html`<span class="quiet">–</span>`;
  const share = percent(part, whole);
  const sizes = html`<small>${count(part)} / ${count(whole)}</small>`;
  return part === 0 ? html`<span class="quiet">${share}</span> ${sizes}` : html`${share} ${sizes}`;
}

/** A text from outside. It cannot turn the direction of what stands beside it. */
export function foreign(text: string | null): Html {
  return text === null || text === "" ? html`<span class="quiet">–</span>` : html`<bdi>${text}</bdi>`;
}

/** `3 min ago 10:00:05`; with the date when it was another day. */
export function moment(at: Date, now: Date): Html {
  const ago = duration(Math.max(0, now.getTime() - at.getTime()));
  const [date = "", time = ""] = timestamp(at).split(" ");
  const isToday = timestamp(now).startsWith(date);
  return html`<time datetime="${at.toISOString()}">${ago} ago <small>${isToday ? time : `${date} ${time.slice(0, 5)}`}</small></time>`;
}
