import { type Content, type Html, html } from "./html.ts";

export interface Column<Row> {
  readonly title: string;
  /** Explains the column to who points at it or listens. */
  readonly about?: string;
  /** Right-aligned, for numbers. */
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => Content;
}

/**
 * A table that scrolls sideways by itself where the screen is narrow; reachable by keyboard.
 *
 * @param id keeps its place when the page refreshes itself
 */
export function table<Row>(id: string, label: string, columns: readonly Column<Row>[], rows: readonly Row[]): Html {
  return html`<div class="scroller" id="${id}" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${columns.map(head)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${columns.map((column, index) => cell(column, index, row))}</tr>`)}</tbody>
</table></div>`;
}

function head<Row>({ title, about, isNumber }: Column<Row>): Html {
  const kind = isNumber === true ? "number" : "text";
  return about === undefined
    ? html`<th scope="col" class="${kind}">${title}</th>`
    : html`<th scope="col" class="${kind}" title="${about}">${title}</th>`;
}

/** The first column names the row. */
function cell<Row>({ isNumber, cell: content }: Column<Row>, index: number, row: Row): Html {
  if (index === 0) return html`<th scope="row">${content(row)}</th>`;
  return html`<td class="${isNumber === true ? "number" : "text"}">${content(row)}</td>`;
}
