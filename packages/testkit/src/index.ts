export * from "./postgres/index.ts";
export * from "./redis/redis-server.ts";
export * from "./simulator/index.ts";
