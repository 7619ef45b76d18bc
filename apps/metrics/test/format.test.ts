import { expect, test } from "vitest";
import { clockTime, count, duration, percent, timestamp } from "../src/format.ts";

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [999.9, "999 ms"],
  [1_000, "1.0 s"],
  [9_999, "9.9 s"],
  [10_000, "10 s"],
  [119_999, "119 s"],
  [120_000, "2 min"],
  [3_599_999, "59 min"],
  [3_600_000, "1 h"],
  [7_500_000, "2 h 5 min"],
  [172_800_000, "2 days"],
  [86_400_000 * 1_825, "1,825 days"],
])("%d ms is read as %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [0, 0, ""],
  [0, 5, "0%"],
  [1, 100_000, "<0.1%"],
  [1, 250, "0.4%"],
  [99, 1_000, "9.9%"],
  [1, 8, "12%"],
  [9_999, 10_000, ">99.9%"],
  [99_899, 100_000, "99%"],
  [5, 5, "100%"],
])("%d of %d is %s", (part, whole, text) => {
  expect(percent(part, whole)).toBe(text);
});

test("numbers and times look the same in every language and zone", () => {
  expect(count(1_234_567)).toBe("1,234,567");
  expect(timestamp(new Date("2026-11-21T10:00:05.999Z"))).toBe("2026-11-21 10:00:05");
  expect(clockTime(new Date("2026-11-21T23:59:59Z"))).toBe("23:59");
});
