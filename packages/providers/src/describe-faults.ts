import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import { KNOWN_FIELDS } from "./descriptor-schema.ts";

/** A name that is not made of words may be a secret in the wrong place, or would garble the line. */
const NAME_OF_WORDS = /^(?=.{1,40}$)[A-Za-z][a-z]*\d{0,2}(?:[_ -][A-Za-z][a-z]*\d{0,2}|[A-Z][a-z]+\d{0,2})*$/;

/** Each fault of a descriptor as `path: what is wrong`. Names fields, never repeats their values. */
export function describeFaults(error: z.ZodError): string[] {
  return error.issues.flatMap(describeIssue);
}

/** The known name nearest to a misspelt one; null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, steps: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.steps - right.steps)[0];
  return ranked !== undefined && ranked.steps <= Math.max(2, name.length / 3) ? ranked.candidate : null;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.map(shown).join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map(
        (key) => `${[...issue.path, key].map(shown).join(".")}: ${describeUnknown(issue.path, key)}`,
      );
    case "invalid_value":
      return [at(place, `must be one of ${issue.values.map(String).join(", ")}`)];
    case "invalid_type":
      return [at(place, `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`)];
    default:
      return [at(place, issue.message)];
  }
}

function shown(name: PropertyKey): string {
  return typeof name === "number" || NAME_OF_WORDS.test(String(name)) ? String(name) : "(a name not shown)";
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: "an object",
  record: "an object",
  array: "a list",
  string: "a string",
  int: "a whole number",
  number: "a number",
};

function at(place: string, fault: string): string {
  return place === "" ? `the descriptor ${fault}` : `${place}: ${fault}`;
}

function describeUnknown(path: readonly PropertyKey[], key: string): string {
  const known = KNOWN_FIELDS[String(path[0] ?? "")] ?? [];
  const meant = nearest(key, known);
  return meant === null ? `unknown field; known here: ${known.join(", ")}` : `unknown field, did you mean ${meant}?`;
}
