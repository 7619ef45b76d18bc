import fc from "fast-check";
import { expect, test } from "vitest";
import { DueIndex, type DueRow } from "../src/store/due-index.ts";

const change = fc.record({ row: fc.nat({ max: 9 }), dueAt: fc.option(fc.nat({ max: 30 })) });
const look = fc.record({
  passMs: fc.nat({ max: 5 }),
  afterDueAt: fc.option(fc.nat({ max: 30 })),
  afterId: fc.nat({ max: 9 }),
  limit: fc.integer({ min: 1, max: 12 }),
});

test("reads what is due in the order of time and id from any position, whatever was changed before", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(change, look), { maxLength: 80, size: "max" }), (steps) => {
      const rows = Array.from({ length: 10 }, (_, no): DueRow => ({ id: `${no}`, dueAt: null, dueEntry: null }));
      const index = new DueIndex<DueRow>(() => {});
      let now = 0;
      for (const step of steps) {
        if ("row" in step) {
          const row = rows[step.row];
          if (row !== undefined) index.set(row, step.dueAt);
          continue;
        }
        now += step.passMs;
        const after = step.afterDueAt === null ? null : { dueAt: step.afterDueAt, connectionId: `${step.afterId}` };
        const wanted = rows
          .filter(({ dueAt }) => dueAt !== null && dueAt <= now)
          .sort((one, other) => (one.dueAt ?? 0) - (other.dueAt ?? 0) || (one.id < other.id ? -1 : 1))
          .filter(
            (row) =>
              after === null ||
              (row.dueAt ?? 0) > after.dueAt ||
              (row.dueAt === after.dueAt && row.id > after.connectionId),
          )
          .slice(0, step.limit);
        expect(index.read(now, after, step.limit)).toEqual(wanted);
        const times = rows.flatMap(({ dueAt }) => dueAt ?? []);
        expect(index.earliest(now)).toBe(times.length === 0 ? null : Math.min(...times));
      }
    }),
  );
});
