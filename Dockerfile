# For registries. `npm run deploy` builds the same image without a container engine (deploy/images.ts).
FROM docker.io/library/node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY . .
RUN node deploy/write-bundle.ts /app

FROM gcr.io/distroless/nodejs24-debian12:nonroot
COPY --from=build /app /app
ENV NODE_ENV=production
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "--optimize-for-size", "--heap-growing-percent=40", "/app/main.mjs"]
