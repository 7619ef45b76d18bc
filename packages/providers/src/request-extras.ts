import { z } from "zod";

/** What a token request sets by itself; a descriptor that set them too would break or redirect it. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const OWN_PARAMETERS: ReadonlySet<string> = new Set(["client_id", "client_secret", "grant_type", "refresh_token"]);

/** RFC 9110 section 5.1, compared without regard to case: kept in lower case. */
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, "must be a header name")
  .transform((name) => name.toLowerCase());

/** Headers added to each token request. Not a place for secrets: a descriptor is stored in the clear. */
export const requestHeaders = z.record(z.string(), z.string()).transform((headers, context) => {
  const byName = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== null) context.addIssue({ code: "custom", path: [name], message: fault });
    byName.set(name.toLowerCase(), value);
  }
  return Object.fromEntries(byName);
});

/** Form fields added to each token request, such as `audience`. */
export const requestParameters = z.record(z.string(), z.string()).superRefine((parameters, context) => {
  for (const name of Object.keys(parameters)) {
    if (!OWN_PARAMETERS.has(name)) continue;
    context.addIssue({ code: "custom", path: [name], message: "is set by Evergrant and cannot be given here" });
  }
});

function headerFault(name: string, value: string): string | null {
  if (!headerName.safeParse(name).success) return "is not a header name";
  if (OWN_HEADERS.has(name.toLowerCase())) return "is set by Evergrant and cannot be given here";
  return /^[\x20-\x7e]*$/.test(value) ? null : "must hold printable ASCII characters only";
}
