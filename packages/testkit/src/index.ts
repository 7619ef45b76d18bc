export * from "./canary/index.ts";
export * from "./net/index.ts";
export * from "./postgres/index.ts";
export * from "./processes/index.ts";
export * from "./redis/redis-server.ts";
export * from "./simulator/index.ts";
