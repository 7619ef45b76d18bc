export { DescriptorError } from "./descriptor-error.ts";
export { BUILT_IN_PROVIDERS } from "./descriptors/built-in.ts";
export { quickbooks } from "./descriptors/quickbooks.ts";
export { xero } from "./descriptors/xero.ts";
export { type DescriptorFile, parseDescriptorFile } from "./parse-descriptor-file.ts";
export { type RefreshRequest, type RefreshResult, refresh } from "./refresh.ts";
export { resolveDescriptor } from "./resolve-descriptor.ts";
export { createTokenClient, type TokenClient, type TokenClientOptions } from "./token-client.ts";
export type { TokenRequest } from "./token-request.ts";
