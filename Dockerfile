# syntax=docker/dockerfile:1
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG GIT_COMMIT=unknown
ARG BUILD_TIMESTAMP=unknown
RUN CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X main.gitCommit=${GIT_COMMIT} -X main.buildTimestamp=${BUILD_TIMESTAMP}" -o /ews .

FROM gcr.io/distroless/static-debian12:nonroot
WORKDIR /app
COPY --from=build /ews ./ews
# go-eliona reads the app's name from the working folder.
COPY metadata.json ./
USER nonroot
EXPOSE 3000
ENTRYPOINT ["/app/ews"]
