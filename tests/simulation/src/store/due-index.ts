import FlatQueue from "flatqueue";

/** A row that may be due. `DueIndex.set` alone writes the two fields. */
export interface DueRow {
  readonly id: string;
  dueAt: number | null;
  dueEntry: DueEntry<DueRow> | null;
}

/** Where a row stands in the order; no longer valid once the row has got another. */
interface DueEntry<Row extends DueRow> {
  readonly dueAt: number;
  readonly row: Row;
  /** Whether it is in the list of what is due. */
  isDue: boolean;
}

/**
 * Rows in the order of due time and id, as the database's index has them. What is not due yet lies in a
 * heap, what is due in a sorted list; an entry that its row has left behind is passed over.
 */
export class DueIndex<Row extends DueRow> {
  readonly #later = new FlatQueue<DueEntry<Row>>();
  readonly #onDue: (dueAt: number) => void;
  #due: DueEntry<Row>[] = [];
  /** Entries in the list that their rows have left behind. */
  #left = 0;

  /** @param onDue told of each due time that is set */
  constructor(onDue: (dueAt: number) => void) {
    this.#onDue = onDue;
  }

  set(row: Row, dueAt: number | null): void {
    if (row.dueEntry?.isDue === true) this.#left += 1;
    row.dueAt = dueAt;
    row.dueEntry = null;
    if (dueAt === null) return;
    const entry = { dueAt, row, isDue: false };
    row.dueEntry = entry;
    this.#later.push(entry, dueAt);
    this.#onDue(dueAt);
  }

  /** Rows due at `now`, after a position, in order. */
  read(now: number, after: { readonly dueAt: number; readonly connectionId: string } | null, limit: number): Row[] {
    this.#ripen(now);
    const rows: Row[] = [];
    for (let index = after === null ? 0 : this.#firstAfter(after); index < this.#due.length; index++) {
      if (rows.length === limit) break;
      const entry = this.#due[index];
      if (entry !== undefined && isCurrent(entry)) rows.push(entry.row);
    }
    return rows;
  }

  /** The earliest due time of all rows; null when none is wanted. */
  earliest(now: number): number | null {
    this.#ripen(now);
    const due = this.#due.find(isCurrent);
    if (due !== undefined) return due.dueAt;
    for (let next = this.#later.peek(); next !== undefined; next = this.#later.peek()) {
      if (isCurrent(next)) return next.dueAt;
      this.#later.pop();
    }
    return null;
  }

  #ripen(now: number): void {
    if (this.#left > this.#due.length / 2) this.#compact();
    while ((this.#later.peekValue() ?? Number.POSITIVE_INFINITY) <= now) {
      const entry = this.#later.pop();
      if (entry === undefined) return;
      if (isCurrent(entry)) this.#insert(entry);
    }
  }

  #insert(entry: DueEntry<Row>): void {
    entry.isDue = true;
    const last = this.#due.at(-1);
    if (last === undefined || isBefore(last, entry.dueAt, entry.row.id)) this.#due.push(entry);
    else this.#due.splice(this.#firstAfter({ dueAt: entry.dueAt, connectionId: entry.row.id }), 0, entry);
  }

  #compact(): void {
    this.#due = this.#due.filter(isCurrent);
    this.#left = 0;
  }

  #firstAfter({ dueAt, connectionId }: { readonly dueAt: number; readonly connectionId: string }): number {
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#due[middle];
      if (entry !== undefined && !isAfter(entry, dueAt, connectionId)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isCurrent(entry: DueEntry<DueRow>): boolean {
  return entry.row.dueEntry === entry;
}

function isBefore(entry: DueEntry<DueRow>, dueAt: number, id: string): boolean {
  return entry.dueAt < dueAt || (entry.dueAt === dueAt && entry.row.id < id);
}

function isAfter(entry: DueEntry<DueRow>, dueAt: number, id: string): boolean {
  return entry.dueAt > dueAt || (entry.dueAt === dueAt && entry.row.id > id);
}
