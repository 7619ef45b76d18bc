import type { ProviderDescriptor } from "@evergrant/core";
import { describeFaults, nearest } from "./describe-faults.ts";
import { DescriptorError } from "./descriptor-error.ts";
import { type DescriptorOverrides, descriptorSchema, providerName } from "./descriptor-schema.ts";
import { BUILT_IN_PROVIDERS, builtInDescriptors } from "./descriptors/built-in.ts";
import { type GenericDefaults, genericDefaults } from "./descriptors/generic.ts";

/**
 * Everything known of a provider: its built-in descriptor, or the defaults of RFC 6749 for any other,
 * with what an OAuth app or a descriptor file says laid over it. Parts are merged field by field;
 * error rules given come before the built-in ones.
 *
 * @param stored what differs, as JSON; null or `{}` when nothing does
 * @param source what the error message calls its origin, such as a file name
 * @throws DescriptorError one line that names each faulty field
 */
export function resolveDescriptor(
  provider: string,
  stored: unknown,
  source: string = `descriptor of ${provider}`,
): ProviderDescriptor {
  const overrides = readOverrides(provider, stored, source);
  const builtIn = builtInDescriptors.get(provider);
  const tokenUrl = overrides.tokenUrl ?? builtIn?.tokenUrl;
  if (tokenUrl === undefined) throw new DescriptorError(source, [`tokenUrl: ${missingTokenUrl(provider)}`]);
  const descriptor = { provider, tokenUrl, ...lay(overrides, builtIn ?? genericDefaults) };
  if (descriptor.retry.firstMs > descriptor.retry.maxMs) {
    throw new DescriptorError(source, ["retry.firstMs: must not be greater than retry.maxMs"]);
  }
  return descriptor;
}

function readOverrides(provider: string, stored: unknown, source: string): DescriptorOverrides {
  const named = providerName.safeParse(provider);
  const parsed = descriptorSchema.safeParse(stored ?? {});
  const faults = [
    ...(named.success ? [] : [`provider: ${named.error.issues[0]?.message ?? "is not usable"}`]),
    ...(parsed.success ? [] : describeFaults(parsed.error)),
  ];
  if (!parsed.success || faults.length > 0) throw new DescriptorError(source, [...new Set(faults)]);
  if (parsed.data.provider !== undefined && parsed.data.provider !== provider) {
    throw new DescriptorError(source, [`provider: describes ${parsed.data.provider}, not ${provider}`]);
  }
  return parsed.data;
}

function missingTokenUrl(provider: string): string {
  const meant = nearest(provider, BUILT_IN_PROVIDERS);
  const hint = meant === null ? `built in are ${BUILT_IN_PROVIDERS.join(" and ")}` : `did you mean ${meant}?`;
  return `missing, and ${provider} is not built in (${hint})`;
}

function lay(overrides: DescriptorOverrides, base: GenericDefaults): GenericDefaults {
  return {
    clientAuthentication: overrides.clientAuthentication ?? base.clientAuthentication,
    requestHeaders: { ...base.requestHeaders, ...overrides.requestHeaders },
    requestParameters: { ...base.requestParameters, ...overrides.requestParameters },
    fields: layOver(base.fields, overrides.fields),
    requestIdHeader: overrides.requestIdHeader === undefined ? base.requestIdHeader : overrides.requestIdHeader,
    errorRules: [
      ...(overrides.errorRules ?? []).map((rule) => layOver({ outcome: rule.outcome }, rule)),
      ...base.errorRules,
    ],
    lifetimes: layOver(base.lifetimes, overrides.lifetimes),
    graceMs: overrides.graceMs ?? base.graceMs,
    schedule: layOver(base.schedule, overrides.schedule),
    retry: layOver(base.retry, overrides.retry),
    strikeGapMs: overrides.strikeGapMs ?? base.strikeGapMs,
    breaker: layOver(base.breaker, overrides.breaker),
    answerTimeoutMs: overrides.answerTimeoutMs ?? base.answerTimeoutMs,
  };
}

/** A key that is there but undefined says nothing. */
function layOver<Part extends object>(
  base: Part,
  over: { readonly [Key in keyof Part]?: Part[Key] | undefined } = {},
): Part {
  return { ...base, ...Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined)) };
}
