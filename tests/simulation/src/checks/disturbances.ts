import type { Fault } from "../plan/fault.ts";
import type { AppId } from "../provider/apps.ts";
import { MINUTE_MS } from "../world/settings.ts";

/** After this everything that a fault had put off has been tried again: the longest backoff is five minutes. */
const RECOVERY_MS = 7 * MINUTE_MS;
/** `Retry-After` of the simulated provider, and the queue's pause for it, are at most ten minutes. */
const THROTTLED_RECOVERY_MS = 18 * MINUTE_MS;

interface Span {
  readonly from: number;
  to: number;
  /** Null is every app. */
  readonly appId: AppId | null;
}

/** When something was wrong, and for how long after it nobody can ask for punctuality. */
export class Disturbances {
  readonly #spans: Span[] = [];
  readonly #open = new Map<string, Span>();

  /** @param startsAt epoch ms of the plan's minute 0 */
  constructor(faults: readonly Fault[], startsAt: number) {
    for (const fault of faults) {
      if (!("forMin" in fault) || "point" in fault) continue;
      const from = startsAt + fault.atMin * MINUTE_MS;
      const recoveryMs = fault.kind === "throttles" ? THROTTLED_RECOVERY_MS : RECOVERY_MS;
      const appId = "app" in fault ? fault.app : null;
      this.#spans.push({ from, to: from + fault.forMin * MINUTE_MS + recoveryMs, appId });
    }
  }

  /** Something that is not in the plan goes wrong, such as a breaker that opens. */
  begin(what: string, appId: AppId | null, now: number): void {
    if (this.#open.has(what)) return;
    const span = { from: now, to: Number.POSITIVE_INFINITY, appId };
    this.#spans.push(span);
    this.#open.set(what, span);
  }

  end(what: string, now: number): void {
    const span = this.#open.get(what);
    if (span !== undefined) span.to = now + RECOVERY_MS;
    this.#open.delete(what);
  }

  /** Whether nothing was wrong for an app at any time between the two. */
  wasCalm(appId: AppId, from: number, to: number): boolean {
    return !this.#spans.some((span) => concerns(span, appId) && span.from <= to && span.to >= from);
  }

  /** The longest time between the two in which nothing was wrong for an app. */
  longestCalmMs(appId: AppId, from: number, to: number): number {
    const spans = this.#spans.filter((span) => concerns(span, appId)).sort((one, other) => one.from - other.from);
    let calmSince = from;
    let longest = 0;
    for (const span of spans) {
      longest = Math.max(longest, Math.min(span.from, to) - calmSince);
      calmSince = Math.max(calmSince, span.to);
    }
    return Math.max(longest, to - calmSince, 0);
  }
}

function concerns(span: Span, appId: AppId): boolean {
  return span.appId === null || span.appId === appId;
}
