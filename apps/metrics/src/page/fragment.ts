import { count, duration, percent, timestamp } from "../format.ts";
import type { FleetStatus, Status, Totals } from "../status/status.ts";
import type { Verdict } from "../status/verdict.ts";
import { appTables } from "./app-tables.ts";
import { type Content, type Html, html } from "./html.ts";
import { failureList, reauthorizationList } from "./lists.ts";
import { sparkline, total } from "./sparkline.ts";

const FINDINGS_SHOWN = 10;

/** The part of the page that is drawn anew every few seconds. */
export function fragment({ verdict, fleet }: Status): Html {
  return html`${verdictBox(verdict, fleet)}${fleet === null ? null : body(fleet)}`;
}

function body(fleet: FleetStatus): Html {
  if (fleet.totals.connections === 0) {
    return html`${gettingStarted(fleet)}${fleet.apps.length === 0 ? null : appTables(fleet)}`;
  }
  return html`${tiles(fleet.totals)}${lastHour(fleet)}${appTables(fleet)}${reauthorizationList(fleet)}${failureList(fleet)}`;
}

function verdictBox({ level, headline, findings }: Verdict, fleet: FleetStatus | null): Html {
  // The headline says the worst already.
  const rest = findings.filter(({ text }) => text !== headline);
  const items = rest.slice(0, FINDINGS_SHOWN).map((finding) => html`<li class="${finding.level}">${finding.text}</li>`);
  const more = rest.length - items.length;
  return html`<section class="verdict ${level}">
<h1>${headline}</h1>
${rest.length === 0 ? null : html`<ul>${items}${more === 0 ? null : html`<li>and ${count(more)} more</li>`}</ul>`}
${fleet === null ? null : html`<p class="as-of">As of <time datetime="${fleet.asOf.toISOString()}">${timestamp(fleet.asOf)}</time> UTC, by the database's clock</p>`}
</section>`;
}

function tiles(totals: Totals): Html {
  const { lastHour, lastDay } = totals;
  return html`<dl class="tiles">
${tile("Connections", count(totals.connections), `${count(totals.active)} active`)}
${tile("Stale", count(totals.stale), "expired access tokens", totals.stale > 0 ? "trouble" : "")}
${tile("Needs reauth", count(totals.needsReauth), "only the customer can help")}
${tile("invalid_grant, 1 h", percent(lastHour.invalidGrants, lastHour.refreshes) || "–", `${count(lastHour.invalidGrants)} of ${count(lastHour.refreshes)}`)}
${tile("invalid_grant, 24 h", percent(lastDay.invalidGrants, lastDay.refreshes) || "–", `${count(lastDay.invalidGrants)} of ${count(lastDay.refreshes)}`)}
${tile("Overdue", count(totals.overdue), totals.overdue === 0 ? "none waits" : `oldest by ${duration(totals.oldestDueAgeMs)}`)}
${tile("Refreshes", count(totals.refreshes), `${count(totals.rotated)} rotated`)}
</dl>`;
}

function tile(name: string, value: Content, detail: string, level = ""): Html {
  return html`<div class="tile ${level}"><dt>${name}</dt><dd>${value}<small>${detail}</small></dd></div>`;
}

function lastHour({ minutes, totals }: FleetStatus): Html {
  const busiest = Math.max(0, ...minutes.map(total));
  const lastWhole = minutes.at(-2);
  const [from, to] = [minutes[0]?.at, minutes.at(-1)?.at];
  return html`<section><h2>Refreshes per minute <small>${count(lastWhole === undefined ? 0 : total(lastWhole))} in the last full minute, ${count(busiest)} at most, ${count(totals.lastHour.refreshes)} in the last hour</small></h2>
<figure>${sparkline(minutes)}
<figcaption><span>${from === undefined ? null : timestamp(from).slice(11, 16)}</span><span class="legend"><i class="succeeded"></i>succeeded <i class="rejected"></i>invalid_grant <i class="failed"></i>other failures</span><span>${to === undefined ? null : timestamp(to).slice(11, 16)} UTC</span></figcaption></figure></section>`;
}

const ADD_APP = "npm run admin -- app add xero-prod --provider xero --client-id <client id>";
const IMPORT_LINE = '{"id":"acme-xero","app":"xero-prod","refreshToken":"…"}';

function gettingStarted({ apps }: FleetStatus): Html {
  const addApp = html`<li>Add the OAuth app that your customers authorized:<pre>${ADD_APP}</pre></li>`;
  return html`<section class="start"><h2>How to begin</h2><ol>${apps.length === 0 ? addApp : null}
<li>Write one line for each connection into a file, such as <code>connections.ndjson</code>:<pre>${IMPORT_LINE}</pre></li>
<li>Import it; lines that cannot be used are named, the others are kept alive from now on:<pre>npm run admin -- connection import connections.ndjson</pre></li>
</ol></section>`;
}
