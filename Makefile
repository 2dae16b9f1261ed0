# The README explains what each of these is for.
GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 20s
FUZZFLAGS   ?=
PLATFORMS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: demo test profiles peers interop bench fuzz fuzz-table vet cross build hsm ci

demo:
	$(GO) run ./cmd/uapush demo

test:
	$(GO) test -race ./...

# Every script on every kind of server that is in the field. Most of the time scripts
# wait for servers, so several run at a time.
profiles:
	UAPUSH_ALL_PROFILES=1 $(GO) test -count 1 -timeout 20m -parallel 6 -run '^TestScriptsOnProfiles$$' ./cmd

# What the tests of interoperability run against, see testdata/peers/README.md.
# tshark comes from the system: apt-get install tshark.
peers:
	@set -e; for dir in testdata/peers/*/package.json; do \
		(cd $$(dirname $$dir) && npm ci --ignore-scripts --no-audit --no-fund); \
	done

# Writes what the tests have found into README.md and testdata/peers/INTEROP.md;
# make test fails when they say something else.
interop:
	UAPUSH_REQUIRE_PEERS=1 $(GO) test -count 1 -run '^TestInterop$$' ./workflow/push -update

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o uapush ./cmd/uapush

# The same with keys in tokens (PKCS#11). It needs a C compiler, and SoftHSM2 for its
# tests: apt-get install softhsm2.
hsm:
	$(GO) vet -tags pkcs11 ./...
	$(GO) run $(STATICCHECK) -tags pkcs11 ./pki/... ./cmd/...
	$(GO) test -count 1 -tags pkcs11 ./pki/...
	$(GO) test -count 1 -tags pkcs11 -run '^TestScripts$$/^ca_hsm$$' ./cmd
	CGO_ENABLED=1 $(GO) build -tags pkcs11 -trimpath -ldflags "-s -w" -o uapush ./cmd/uapush

# Ratios against what the protocol needs at least; times are for this machine.
bench:
	$(GO) test -run '^$$' -bench . -benchtime 10x ./cmd/uapush

# Every fuzz target for FUZZTIME each; what it finds becomes a seed under testdata.
fuzz:
	@set -e; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
		for target in $$(grep -hEo '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go 2>/dev/null | sed 's/^func //' | sort -u); do \
			echo "$${dir#$(CURDIR)/} $$target"; \
			(cd $$dir && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $(FUZZFLAGS) .); \
		done; \
	done

# The same, and its executions into README.md.
fuzz-table:
	@$(MAKE) --no-print-directory fuzz | $(GO) run ./testdata/tables/fuzz

vet:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

cross:
	@set -e; for p in $(PLATFORMS); do \
		echo "build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./...; \
	done

ci: vet cross test
