# The image is made of the binary and the public certificates, nothing else: no
# shell, no package that ages. Both stages are pinned by the one line below.
#
#   docker build --build-arg GIT_COMMIT=$(git rev-parse --short=12 HEAD) \
#     --build-arg BUILD_TIMESTAMP=$(date -u +%Y-%m-%dT%H:%M:%SZ) -t ews:1.0.0 .
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# Shown by GET /v1/version and by "ews -version".
ARG GIT_COMMIT=unknown
ARG BUILD_TIMESTAMP=unknown
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make build COMMIT="$GIT_COMMIT" TIMESTAMP="$BUILD_TIMESTAMP"

FROM scratch
LABEL org.opencontainers.image.title="Exchange app for Eliona" \
      org.opencontainers.image.description="Keeps room bookings in Eliona and meetings in Microsoft Exchange the same" \
      org.opencontainers.image.licenses="MIT"
ARG GIT_COMMIT=unknown
ARG BUILD_TIMESTAMP=unknown
LABEL org.opencontainers.image.revision=$GIT_COMMIT org.opencontainers.image.created=$BUILD_TIMESTAMP
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/ews ./ews
# Eliona's conventions want it beside the binary.
COPY metadata.json ./
# Nobody in particular; needs no entry in a password file.
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/app/ews", "-health"]
ENTRYPOINT ["/app/ews"]
