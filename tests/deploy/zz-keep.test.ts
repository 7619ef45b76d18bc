import { test } from "vitest";
import { buildImage } from "./build-image.ts";
test("x", () => { const t=Date.now(); const i = buildImage({context: "/work/main", into: "/tmp/img-b", buildEnv: {npm_config_prefer_offline: "true", TURBO_CACHE_DIR: "/work/main/.turbo/cache"}}); console.log(Date.now()-t, i.env, i.command, i.healthcheck)});
