import type { ConnectionToReauthorize, RefreshFailure } from "@evergrant/store";
import { count } from "../format.ts";
import type { FleetStatus } from "../status/status.ts";
import { foreign, moment } from "./cells.ts";
import { type Html, html } from "./html.ts";
import { type Column, table } from "./table.ts";

/** What the causes mean, beside their names as the metrics have them. */
const CAUSES: Readonly<Record<string, string>> = {
  hard_cap: "the grant reached the end that no refresh extends",
  inactivity: "the grant was unused for too long",
  lost_answer: "an answer that may have held the next token was lost",
  unexplained: "disconnected by the customer, or a newer token exists elsewhere",
};

/** Who must act: connections whose customers have to authorize again. */
export function reauthorizationList({ asOf, totals, toReauthorize }: FleetStatus): Html {
  const shown = toReauthorize.length;
  const total = Math.max(totals.needsReauth, shown);
  const title = html`<h2>Needs re-authorization <small>${total > shown ? `newest ${count(shown)} of ${count(total)}` : count(total)}</small></h2>`;
  if (shown === 0) return html`<section>${title}<p class="quiet">No customer has to do anything.</p></section>`;
  const columns: readonly Column<ConnectionToReauthorize>[] = [
    { title: "Connection", cell: (row) => foreign(row.connectionId) },
    { title: "Customer", cell: (row) => foreign(row.customer) },
    { title: "App", cell: (row) => foreign(row.appId) },
    { title: "Since (UTC)", cell: (row) => moment(row.since, asOf) },
    { title: "Cause", cell: (row) => cause(row.cause) },
  ];
  return html`<section>${title}${table("reauthorize", "Connections that need re-authorization", columns, toReauthorize)}</section>`;
}

function cause(name: string | null): Html {
  const meaning = CAUSES[name ?? ""];
  return meaning === undefined ? foreign(name) : html`${name} <small>${meaning}</small>`;
}

/** What went wrong last. */
export function failureList({ asOf, failures }: FleetStatus): Html {
  const title = html`<h2>Latest failures</h2>`;
  if (failures.length === 0) return html`<section>${title}<p class="quiet">No refresh has failed.</p></section>`;
  const columns: readonly Column<RefreshFailure>[] = [
    { title: "Connection", cell: (row) => foreign(row.connectionId) },
    { title: "Customer", cell: (row) => foreign(row.customer) },
    { title: "App", cell: (row) => foreign(row.appId) },
    { title: "When (UTC)", cell: (row) => moment(row.at, asOf) },
    {
      title: "Outcome",
      cell: (row) => html`${row.outcome}${row.reason === null ? null : html` <small>${foreign(row.reason)}</small>`}`,
    },
    { title: "HTTP", isNumber: true, cell: (row) => row.status ?? html`<span class="quiet">–</span>` },
    { title: "The provider said", cell: (row) => foreign(row.description) },
    { title: "Its request id", cell: (row) => foreign(row.requestId) },
  ];
  return html`<section>${title}${table("failures", "Latest failures", columns, failures)}</section>`;
}
