import type { ProviderDescriptor } from "@evergrant/core";
import { quickbooks } from "./quickbooks.ts";
import { xero } from "./xero.ts";

/** The providers that need no descriptor file, by name. */
export const builtInDescriptors: ReadonlyMap<string, ProviderDescriptor> = new Map(
  [xero, quickbooks].map((descriptor) => [descriptor.provider, descriptor]),
);

export const BUILT_IN_PROVIDERS: readonly string[] = [...builtInDescriptors.keys()];
