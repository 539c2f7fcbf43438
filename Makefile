# What people type; .ci/run runs the same. Nothing has to be here beforehand but
# git and make: .ci/toolchain finds or fetches Go, and what else is missing is
# installed by the target that needs it. Both say so in one line.

# On macOS the keychain is reached through C; elsewhere nothing of ours needs it
# and the programs start faster without.
cgo := $(if $(filter Darwin,$(shell uname)),1,0)
# A commit is stamped in where git will tell it: it refuses to in a clone that
# belongs to another user.
vcs := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
# Options of the demo, such as DEMO='--for 30s'.
DEMO =
# Options of the search, such as EXPLORE=-quick or EXPLORE=fleet.
EXPLORE =

# Of a release: its version, the ssh key that signs it, and UNSCANNED=1 to go on
# without a look at the database of vulnerabilities. RELEASING.md tells of them.
VERSION =
KEY =
UNSCANNED =

.PHONY: build demo test test-long check bench explore packages release clean
unexport GOROOT

build: # the three programs, into bin/
	@go=$$(.ci/toolchain) && CGO_ENABLED=$(cgo) GOTOOLCHAIN=local "$$go" build \
		-trimpath -ldflags='-s -w' -buildvcs=$(vcs) -o bin/ ./cmd/awskey ./cmd/awskey-helper ./cmd/awskeyd

demo: build # the whole life of a key against an emulated AWS; needs no account
	@bin/awskey demo $(DEMO)

test: # every check, every test, a few seconds of each fuzz target
	@.ci/verify test

test-long: # the same and the tests that take minutes
	@.ci/verify long

check: # the checks alone: format, modules, builds, vet and staticcheck on four systems
	@.ci/verify check

bench: # what everything costs beside floors and targets; a table, bin/bench.json, BENCHMARKS.svg
	@go=$$(.ci/toolchain) && GOTOOLCHAIN=local "$$go" run ./.ci/bench

explore: # searches every fault for one that breaks a promise; EXPLORE=-quick takes a minute or two
	@go=$$(.ci/toolchain) && GOTOOLCHAIN=local "$$go" run ./cmd/explore $(EXPLORE)

packages: # packages and tarballs of this commit, for Linux and macOS, into dist/
	@go=$$(.ci/toolchain) && export PATH="$$(dirname "$$go"):$$PATH" GOTOOLCHAIN="$${GOTOOLCHAIN:-local}" && rm -rf dist && \
		go run -C packaging/release . -o "$(CURDIR)/dist"

release: # the same of a tag, signed: VERSION=1.2.3 KEY=FILE
	@go=$$(.ci/toolchain) && . .ci/versions && export PATH="$$(dirname "$$go"):$$PATH" GOTOOLCHAIN=go$$GO_VERSION && rm -rf dist && \
		go run -C packaging/release . -o "$(CURDIR)/dist" -version "$(VERSION)" -key "$(abspath $(KEY))" $(if $(UNSCANNED),-unscanned)

clean:
	@rm -rf bin dist
