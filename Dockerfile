# One image for every process of the fleet; the command says which one:
#
#   node apps/scheduler/dist/main.js
#   node apps/worker/dist/main.js        the only one of the three that gets the key ring
#   node apps/metrics/dist/main.js
#   evergrant …                          the operator's command; `evergrant migrate` before the others start
#
# Configuration is the environment: docs/configuration.md.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
ENV CI=true TURBO_TELEMETRY_DISABLED=1
# Packages are fetched anew when the lockfile changed, not whenever a source did.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npm exec --yes -- "$(node -p 'require("./package.json").packageManager')" fetch
COPY . .
RUN npm exec --yes -- "$(node -p 'require("./package.json").packageManager')" install --offline --frozen-lockfile
RUN npm exec -- turbo run build --output-logs=errors-only \
    --filter=@evergrant/scheduler --filter=@evergrant/worker --filter=@evergrant/metrics --filter=@evergrant/admin
# What runs: the four apps, the packages that they depend on, and of the registry's packages those alone
# that these name as dependencies. Optional ones are compilers and tools that others would use beside them.
RUN npm exec -- turbo prune --production --docker \
    @evergrant/scheduler @evergrant/worker @evergrant/metrics @evergrant/admin
RUN npm exec -- pnpm --dir out/json install --offline --frozen-lockfile --prod --no-optional
RUN cp -a prisma scripts out/json/ && cd out/json && mkdir bin && ln -s ../apps/admin/bin/evergrant.mjs bin/evergrant && \
    for room in apps/* packages/*; do for part in dist bin assets; do \
      if [ -e "../../$room/$part" ]; then cp -a "../../$room/$part" "$room/"; fi; \
    done; done && chmod -R a+rX .
# Where a volume may be mounted for EVERGRANT_ESCROW_DIR: a new one takes over its owner.
RUN mkdir escrow

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production PATH=/app/bin:$PATH EVERGRANT_HOST=0.0.0.0
COPY --from=build /app/out/json ./
COPY --from=build --chown=1000:1000 /app/escrow ./escrow
# The image's user "node", by number, so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 9460 9461 9462
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "/app/scripts/check-health.mjs"]
CMD ["evergrant", "--help"]
