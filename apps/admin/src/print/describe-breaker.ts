import type { BreakerReason } from "@evergrant/core";
import type { BreakerSummary } from "@evergrant/store";
import type { Printer } from "./printer.ts";
import { table } from "./table.ts";
import { moment, when } from "./when.ts";

/** All breakers as a table, and for each that is not closed why, since when, and what to do. Times are epoch ms. */
export function describeBreakers(breakers: readonly BreakerSummary[], colors: Printer["colors"], now: number): string {
  const titles = ["APP", "PROVIDER", "BREAKER", "SINCE", "HELD", "REFUSED", "NEXT PROBE"];
  const rows = breakers.map((breaker) => [
    breaker.appId,
    breaker.provider,
    breaker.reason === null ? breaker.state : `${breaker.state}: ${breaker.reason}`,
    when(breaker.changedAt, now),
    breaker.held,
    breaker.refused,
    when(breaker.nextProbeAt, now),
  ]);
  const open = breakers.filter(({ state }) => state !== "closed");
  return [table(titles, rows), ...open.map((breaker) => explain(breaker, colors, now))].join("\n\n");
}

function explain({ appId, reason, changedAt }: BreakerSummary, colors: Printer["colors"], now: number): string {
  const since = changedAt === null ? "" : ` since ${moment(changedAt, now)}`;
  return [
    colors.red(`${appId} is not refreshed${since}: ${whyOf(reason)}`),
    "  No connection changes its state meanwhile; one is tried now and then, and when that succeeds all go on.",
    ...whatToDo(appId, reason).map((line) => `  ${line}`),
  ].join("\n");
}

const WHY: Readonly<Record<BreakerReason, string>> = {
  misconfigured: "the provider refuses the app itself.",
  rejections: "so many grants were refused at once that it is hardly their customers' doing.",
};

function whyOf(reason: string | null): string {
  return isKnown(reason) ? WHY[reason] : `its breaker was opened${reason === null ? "" : ` (${reason})`}.`;
}

function whatToDo(appId: string, reason: string | null): string[] {
  const closing = `evergrant breaker close ${appId}`;
  switch (reason) {
    case "misconfigured":
      return [
        `Check its client id, secret and environment. A new secret: evergrant app set-secret ${appId}`,
        `Not to wait for the next try: ${closing}`,
      ];
    case "rejections":
      return [
        "Was a wrong environment rolled out, or a backup restored? Mend that; not to wait for the next try:",
        `  ${closing}`,
        "Did these customers really leave? Then let their connections end:",
        `  evergrant breaker accept ${appId}`,
      ];
    default:
      return [`To let it go on: ${closing}`];
  }
}

function isKnown(reason: string | null): reason is BreakerReason {
  return reason !== null && Object.hasOwn(WHY, reason);
}
