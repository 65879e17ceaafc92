# Everything a developer or CI runs. "make help" lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOL := go tool -modfile=go.tool.mod
GENERATED := apiserver/apiserver.gen.go db/generated

# The time of the commit, not of the build: the same sources give the same binary.
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
TIMESTAMP ?= $(shell TZ=UTC git show -s --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.gitCommit=$(COMMIT) -X main.buildTimestamp=$(TIMESTAMP)"

# What a release is made for, and where it is put.
PLATFORMS ?= linux/amd64 linux/arm64
RELEASE ?= bin/release

# Tests that compare with the published schemas of Exchange Web Services run
# when a copy of them lies beside the repository.
SCHEMAS := $(firstword $(wildcard ../*/ews-schema))
ifneq ($(SCHEMAS),)
export EWS_SCHEMA_DIR ?= $(abspath $(SCHEMAS))
endif

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: generate
generate: postgresql ## Write the generated code: the API server and the database models
	$(TOOL) oapi-codegen -config apiserver/oapi-codegen.yaml openapi.yaml
	go run ./db/generate

.PHONY: verify
verify: generate ## Check that the generated code is up to date
	git diff --exit-code -- $(GENERATED)
	@untracked="$$(git ls-files --others --exclude-standard -- $(GENERATED))"; \
	if [ -n "$$untracked" ]; then echo "generated, but not committed: $$untracked"; exit 1; fi

.PHONY: lint
lint: ## Check style and typical mistakes
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then echo "run gofmt on: $$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run ./...

# Tests of whole processes measure times: they get the machine for themselves.
.PHONY: test
test: postgresql chromium schemas model ## Run all tests
	go test -race -shuffle=on -count=1 -timeout 30m $$(go list ./... | grep -v '^ews/e2e')
	go test -race -shuffle=on -count=1 -timeout 30m -p 1 -parallel 4 ./e2e/...

# One database server for all of them: the processes of the fuzzer are killed
# before they could end their own. It ends when its standard input does.
.PHONY: fuzz
fuzz: postgresql ## Run every fuzz test for FUZZTIME (60s) each
	@coproc database { exec go run ./db/postgres/cmd; }; \
	read -r url <&"$${database[0]}"; export TEST_DATABASE_URL="$${url#URL=}"; \
	grep -ro --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sort | while IFS=: read -r file function; do \
		echo "$${file%/*} $${function#func }"; \
		go test -run '^$$' -fuzz "^$${function#func }\$$" -fuzztime $(or $(FUZZTIME),60s) -fuzzminimizetime 20x "$${file%/*}" </dev/null; \
	done

# The same 20,000 histories every time, 17,000 of them of the planner alone and
# 3,000 of whole engines; those that failed once; and proof that the checks fail
# where they have to. With the race detector only a few of them are played again.
.PHONY: model
model: ## Play 20,000 random histories of planner and engine, always the same
	go test -count=1 -run Converge ./app/plan -rapid.checks=5667 -rapid.seed=20261122
	go test -count=1 -run 'Converge|Kept' ./app/engine -rapid.checks=600 -rapid.seed=20261122
	go test -count=1 -v -run Mutants ./app/engine | grep -vE '^ *(===|--- PASS|ok|PASS)'

# One million with the default of 125,000 for each of the eight tests, which
# takes about an hour on two idle cores. The seed that failed is printed; the
# shrunk history is left in app/engine/testdata or app/plan/testdata.
.PHONY: soak-model
soak-model: ## Look for new counterexamples in CHECKS (125000) new histories for each of 8 tests, one hour
	@seed=$(or $(SEED),$$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')); \
	echo "SEED=$$seed"; \
	go test -count=1 -timeout 24h -run Converge ./app/plan ./app/engine \
		-rapid.checks=$(or $(CHECKS),125000) -rapid.seed=$$seed

.PHONY: scale
scale: postgresql build ## Measure what one process carries, and two: ROOMS=n in lists of a hundred
	go run ./bench -app bin/ews -rooms $(or $(ROOMS),5000) scale

.PHONY: soak
soak: postgresql ## Stress the whole product with crashes and faults: SEED=n MINUTES=m
	go run ./e2e/soak/cmd -seed $(or $(SEED),1) -minutes $(or $(MINUTES),10) -out $(or $(OUT),$(CURDIR)/soak-reports)

# Without a seed, everything that proves a statement is played twice. The report
# is to be committed; a test checks that it is current.
.PHONY: acceptance
acceptance: postgresql schemas ## Run the acceptance suite and write docs/acceptance.md; SEED=n: only play the accidents of that seed
ifeq ($(SEED),)
	ACCEPTANCE_MD=$(CURDIR)/docs/acceptance.md go test -count=1 -timeout 30m -run '^TestAcceptance$$' ./e2e/
else
	ACCEPTANCE_SEED=$(SEED) go test -count=1 -timeout 30m -run '^TestAcceptance$$/^unfriendly$$' ./e2e/
endif

.PHONY: schemas
schemas:
	@echo "Schemas of Exchange Web Services: $${EWS_SCHEMA_DIR:-none, EWS_SCHEMA_DIR is not set: recorded traffic is not compared with them}"

.PHONY: bench
bench: postgresql build ## Measure how fast the app is and what it costs (BENCH=bookings|changes|import|rest for a part)
	go run ./bench -app bin/ews $(BENCHFLAGS) $(BENCH)
	@if [ -z "$(BENCH)" ]; then go test -run '^$$' -bench . -count $(or $(COUNT),1) ./exchange/ews/... ./app/plan; fi

.PHONY: build
build: ## Build the app as bin/ews
	$(BUILD) -o bin/ews .

.PHONY: release
release: ## Build what is released, into bin/release: archives, bills of materials, checksums
	rm -rf "$(RELEASE)" && mkdir -p "$(RELEASE)"
	@for platform in $(PLATFORMS); do \
		name="ews_$(VERSION)_$${platform//\//_}"; \
		folder="$(RELEASE)/$$name"; \
		echo "building $$name"; \
		mkdir "$$folder"; \
		GOOS="$${platform%/*}" GOARCH="$${platform#*/}" $(BUILD) -o "$$folder/ews" .; \
		go run ./deploy/bill -binary "$$folder/ews" -version "$(VERSION)" -timestamp "$(TIMESTAMP)" \
			-sbom "$(RELEASE)/$$name.cdx.json" -licenses "$$folder/LICENSES-OF-MODULES.txt"; \
		cp metadata.json icon openapi.yaml LICENSE CHANGELOG.md "$$folder/"; \
		chmod 644 "$$folder"/* && chmod 755 "$$folder/ews"; \
		tar --sort=name --format=ustar --mtime="$(TIMESTAMP)" --owner=0 --group=0 --numeric-owner \
			-C "$(RELEASE)" -cf - "$$name" | gzip -9n > "$(RELEASE)/$$name.tar.gz"; \
		rm -r "$$folder"; \
	done
	cd "$(RELEASE)" && sha256sum -- *.tar.gz *.cdx.json > SHA256SUMS

.PHONY: demo
demo: postgresql ## Play a demonstration with simulated servers (DEMO_EXIT=1: play it once and exit)
	go run ./demo

# Tests, generator and demonstration start throw-away servers; only the
# programs have to be there.
.PHONY: postgresql
postgresql:
	@go run ./db/postgres/cmd -check >/dev/null 2>&1 || { \
		echo "no PostgreSQL server found, installing one"; \
		as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; fi; \
		$$as_root apt-get update -q && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y postgresql; \
	}
	@go run ./db/postgres/cmd -check >/dev/null

.PHONY: screenshots
screenshots: postgresql chromium ## Make the pictures of the README anew
	go test -count=1 ./demo -run Screenshots -screenshots $(CURDIR)/docs/images

# Tests of pages look at them with a real browser.
.PHONY: chromium
chromium:
	@command -v "$${CHROMIUM:-chromium}" chromium-browser google-chrome >/dev/null || { \
		echo "no Chromium found, installing one"; \
		as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; fi; \
		$$as_root apt-get update -q && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium; \
	}
