# ringcast: one command each. `make help` lists them; V=1 shows the commands as they run.
#
#   BUILD=build/x   another build directory          CC=clang, CFLAGS=-O0   added after our own flags
#   ONLY=src/log    only files whose path holds it   (test-unit, fuzz, lint, format)
#   SANITIZE=       address | thread | fuzzer | coverage (set by the targets of those names)

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
SANITIZE ?=
ONLY ?=
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=
FUZZ_SECONDS ?= 60
NPM_DIR ?= build/npm
Q := $(if $(V),,@)

VERSION := $(or $(shell sed -n 's/^.define RC_VERSION_STRING "\(.*\)"/\1/p' \
                  include/ringcast/version.h 2>/dev/null),0.1.0)
SOVERSION := 0

# ---- flags -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wundef -Wvla -Werror
# clang 14's -Wpedantic also refuses enumerators above INT_MAX, which gcc and C23 allow, and it has no
# name of its own to turn off; gcc sees to the rest of -Wpedantic.
CLANG_WARNINGS := $(filter-out -Wpedantic,$(WARNINGS))
ifneq ($(findstring clang,$(CC)),)
WARNINGS := $(CLANG_WARNINGS)
endif

optimize_         := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
optimize_address  := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
optimize_thread   := -O1 -fsanitize=thread
optimize_fuzzer   := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
optimize_coverage := -O0 --coverage -fprofile-update=atomic
link_             := -Wl,-z,relro -Wl,-z,now
link_address      := -fsanitize=address,undefined
link_thread       := -fsanitize=thread
link_fuzzer       := -fsanitize=address,undefined
link_coverage     := --coverage

INCLUDES := -Isrc -Iinclude -I$(BUILD)/gen
LANGUAGE := -std=gnu11 -D_GNU_SOURCE
compile_flags = $(LANGUAGE) $(INCLUDES) $(LLHTTP_INCLUDES) -g -fno-omit-frame-pointer \
                $(optimize_$(SANITIZE)) $(WARNINGS) $(EXTRA_CFLAGS) $(CFLAGS)
link_flags = $(link_$(SANITIZE)) -Wl,--as-needed $(LDFLAGS)
LDLIBS := -luring -lcurl -lssl -lcrypto -lpthread -lm
# The daemon's allocator. Sanitizers bring their own.
DAEMON_LIBS := $(if $(SANITIZE),,-Wl,--no-as-needed -ljemalloc -Wl,--as-needed)

# ---- sources -----------------------------------------------------------------------------------

# The one-way order: a layer includes, and its tests link, only itself and those to its left.
LAYERS := base ring io tls event log wire filter http auth flow stream conn worker ingest app cli

only = $(if $(ONLY),$(foreach path,$(1),$(if $(findstring $(ONLY),$(path)),$(path))),$(1))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

MAIN := $(wildcard src/app/main.c)
WEB_FILES := $(wildcard src/web/* src/web/*/*)
CLIENT_SOURCES := $(wildcard src/client/*.c)
EXAMPLE_SOURCES := $(wildcard src/client/examples/*.c)
UNIT_TESTS := $(wildcard tests/unit/*/test_*.c)
THREAD_TESTS := $(wildcard tests/tsan/*.c)
FUZZ_TARGETS := $(wildcard tests/fuzz/fuzz_*.c)
TEST_TOOLS := $(wildcard tests/integration/*.c tests/crash/*.c)
MICRO_SOURCES := $(wildcard perf/micro/*.c)
LOADGEN_SOURCES := $(wildcard perf/loadgen/*.c)

# sources_LAYER, and upto_LAYER: the layer and all below it, topmost first, as the linker wants them.
below :=
$(foreach layer,$(LAYERS),\
  $(eval sources_$(layer) := $(filter-out $(MAIN),$(wildcard src/$(layer)/*.c)))\
  $(eval below := $(layer) $(below))\
  $(eval upto_$(layer) := $(below)))
TOP_LAYER := $(lastword $(LAYERS))
LAYER_SOURCES := $(foreach layer,$(LAYERS),$(sources_$(layer)))

include third_party/llhttp/llhttp.mk

# ---- what `make` builds ------------------------------------------------------------------------

.PHONY: all run test test-unit test-threads test-integration test-browser lint format asan tsan \
        fuzz fuzz-smoke bench coverage install deb deps clean help FORCE
FORCE:

PROGRAMS :=
LIBRINGCAST :=
ifneq ($(CLIENT_SOURCES),)
LIBRINGCAST := $(BUILD)/libringcast.a $(BUILD)/libringcast.so
PROGRAMS += $(LIBRINGCAST) $(EXAMPLE_SOURCES:src/client/examples/%.c=$(BUILD)/examples/%)
endif
ifneq ($(MAIN),)
PROGRAMS += $(BUILD)/ringcast
endif
ifneq ($(LOADGEN_SOURCES),)
BENCH_PROGRAMS := $(BUILD)/ringcast-bench
endif
MICRO_PROGRAMS := $(MICRO_SOURCES:perf/micro/%.c=$(BUILD)/micro/%)
BENCH_PROGRAMS += $(MICRO_PROGRAMS)

all: $(PROGRAMS) $(call objects,$(LAYER_SOURCES)) ## Build the broker, libringcast and the examples

# ---- compiling ---------------------------------------------------------------------------------

# Installing what is missing comes before compiling; a check that finds nothing takes a few ms.
.PHONY: deps-build deps-test deps-lint deps-browser deps-bench deps-coverage deps-package
deps-build deps-test deps-lint deps-browser deps-bench deps-coverage deps-package: deps-%:
	@scripts/install-deps.sh $*

# A *.list file changes only when what it lists does; what depends on it is then rebuilt.
differ = $(subst x$(1)x,,x$(2)x)$(subst x$(2)x,,x$(1)x)
remember = $(if $(call differ,$(strip $(file <$(1))),$(strip is: $(2))),$(file >$(1),$(strip is: $(2))))

$(BUILD)/lists/.:
	+@mkdir -p $@

$(BUILD)/lists/flags: FORCE | $(BUILD)/lists/.
	$(call remember,$@,$(CC) $(compile_flags) $(link_flags))

$(BUILD)/lists/layer-%: FORCE | $(BUILD)/lists/.
	$(call remember,$@,$(sources_$*))

$(BUILD)/lists/client: FORCE | $(BUILD)/lists/.
	$(call remember,$@,$(CLIENT_SOURCES))

$(BUILD)/lists/web: FORCE | $(BUILD)/lists/.
	$(call remember,$@,$(WEB_FILES))

$(BUILD)/obj/src/client/%.o: private EXTRA_CFLAGS := -fPIC -fvisibility=hidden
$(BUILD)/obj/tests/%.o: private EXTRA_CFLAGS := -Itests
$(BUILD)/obj/tests/fuzz/%.o: private EXTRA_CFLAGS := -Itests -Wno-missing-prototypes

$(BUILD)/obj/%.o: %.c $(BUILD)/lists/flags | deps-build $(BUILD)/gen/web_assets.h
	@mkdir -p $(@D)
	@echo "CC    $<"
	$(Q)$(CC) $(compile_flags) -MMD -MP -c -o $@ $<

$(BUILD)/gen/web_assets.c $(BUILD)/gen/web_assets.h &: scripts/embed.sh $(WEB_FILES) $(BUILD)/lists/web
	@mkdir -p $(@D)
	@echo "EMBED src/web"
	$(Q)scripts/embed.sh $(BUILD)/gen src/web

$(BUILD)/obj/gen/web_assets.o: $(BUILD)/gen/web_assets.c $(BUILD)/lists/flags | deps-build
	@mkdir -p $(@D)
	@echo "CC    web_assets.c"
	$(Q)$(CC) $(compile_flags) -MMD -MP -c -o $@ $<

# ---- archives and libraries --------------------------------------------------------------------

archive = @mkdir -p $(@D); echo "AR    $@"; rm -f $@; ar rcs $@ $(filter %.o,$^)

define layer_archive
$(BUILD)/lib/$(1).a: $(call objects,$(sources_$(1))) $(BUILD)/lists/layer-$(1)
	$$(archive)
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_archive,$(layer))))

$(BUILD)/lib/third_party.a: $(LLHTTP_OBJECTS) $(BUILD)/obj/gen/web_assets.o
	$(archive)

$(BUILD)/libringcast.a: $(call objects,$(CLIENT_SOURCES)) $(BUILD)/lists/client
	$(archive)

$(BUILD)/libringcast.so.$(SOVERSION): $(call objects,$(CLIENT_SOURCES)) $(BUILD)/lists/client
	@echo "LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,$(@F) $(if $(SANITIZE),,-Wl,-z,defs) $(link_flags) \
	  -o $@ $(filter %.o,$^) -lpthread

$(BUILD)/libringcast.so: $(BUILD)/libringcast.so.$(SOVERSION)
	@ln -sf $(<F) $@

# ---- programs ----------------------------------------------------------------------------------

link_program = @mkdir -p $(@D); echo "LINK  $@"; \
  $(CC) $(if $(SANITIZE),$(optimize_$(SANITIZE))) $(link_flags) $(LINK_EXTRA) \
    -o $@ $(filter %.o,$^) $(filter %.a,$^) $(PROGRAM_LIBS) $(LDLIBS)

$(BUILD)/ringcast: private PROGRAM_LIBS := $(DAEMON_LIBS)
$(BUILD)/ringcast: $(call objects,$(MAIN) $(LAYER_SOURCES)) $(BUILD)/obj/gen/web_assets.o \
                   $(LLHTTP_OBJECTS) $(filter %.a,$(LIBRINGCAST)) \
                   $(foreach layer,$(LAYERS),$(BUILD)/lists/layer-$(layer))
	$(link_program)

EXAMPLES := $(EXAMPLE_SOURCES:src/client/examples/%.c=$(BUILD)/examples/%)
$(EXAMPLES): $(BUILD)/examples/%: $(BUILD)/obj/src/client/examples/%.o $(BUILD)/libringcast.a
	$(link_program)

# Test programs link the layer that they test (the folder's name, or `// layer: NAME` in the file)
# and the layers below it; a folder that is not a layer's links them all. `// seam: src/log/disk.c`
# leaves that object out, `// link: tests/unit/log/sim_disk.c` puts a source of the tests in.
TEST_SOURCES := $(UNIT_TESTS) $(THREAD_TESTS) $(FUZZ_TARGETS) $(TEST_TOOLS) $(MICRO_SOURCES)
DIRECTIVES := $(shell grep -HE '^// (layer|seam|link): ' /dev/null $(TEST_SOURCES) | \
                sed -E 's,^([^:]+):// (layer|seam|link): *([^ ]+).*,\1|\2|\3,')
directive = $(patsubst $(1)|$(2)|%,%,$(filter $(1)|$(2)|%,$(DIRECTIVES)))
folder = $(notdir $(patsubst %/,%,$(dir $(1))))
layer_of = $(or $(filter $(LAYERS),$(or $(call directive,$(1),layer),$(call folder,$(1)))),$(TOP_LAYER))
layer_objects = $(call objects,$(foreach layer,$(1),$(sources_$(layer))))
layer_archives = $(patsubst %,$(BUILD)/lib/%.a,$(1))
client_for = $(if $(filter ingest,$(1)),$(filter %.a,$(LIBRINGCAST)))

# $(1) source, $(2) program, $(3) its layers
define test_program
$(2): $(call objects,$(1) $(call directive,$(1),link)) \
  $(if $(call directive,$(1),seam),\
    $(filter-out $(call objects,$(call directive,$(1),seam)),$(call layer_objects,$(3))),\
    $(call layer_archives,$(3))) \
  $(call client_for,$(3)) $(BUILD)/lib/third_party.a
	$$(link_program)
endef
test_programs = $(foreach source,$(1),$(eval $(call test_program,$(source),$(patsubst \
  $(2)/%.c,$(BUILD)/$(3)/%,$(source)),$(upto_$(call layer_of,$(source))))))

$(call test_programs,$(UNIT_TESTS),tests/unit,unit)
$(call test_programs,$(THREAD_TESTS),tests/tsan,threads)
$(call test_programs,$(FUZZ_TARGETS),tests/fuzz,fuzzers)
$(call test_programs,$(filter tests/integration/%,$(TEST_TOOLS)),tests/integration,integration)
$(call test_programs,$(filter tests/crash/%,$(TEST_TOOLS)),tests/crash,integration)
$(call test_programs,$(MICRO_SOURCES),perf/micro,micro)

UNIT_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/%,$(call only,$(UNIT_TESTS)))
THREAD_PROGRAMS := $(patsubst tests/tsan/%.c,$(BUILD)/threads/%,$(call only,$(THREAD_TESTS)))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzzers/%,$(call only,$(FUZZ_TARGETS)))
TOOL_PROGRAMS := $(patsubst %.c,$(BUILD)/integration/%,$(notdir $(TEST_TOOLS)))

$(BUILD)/unit/%: private PROGRAM_LIBS := -lcriterion
$(BUILD)/fuzzers/%: private LINK_EXTRA := -fsanitize=fuzzer
$(call objects,$(UNIT_TESTS) $(FUZZ_TARGETS)): | deps-test

$(BUILD)/ringcast-bench: $(call objects,$(LOADGEN_SOURCES) src/cli/line_client.c) \
                         $(call layer_archives,$(upto_event)) $(filter %.a,$(LIBRINGCAST)) \
                         $(BUILD)/lib/third_party.a
	$(link_program)

# ---- running and testing -----------------------------------------------------------------------

export RINGCAST_BUILD = $(abspath $(BUILD))
export RINGCAST_BIN = $(abspath $(BUILD)/ringcast)
export RC_SANITIZE = $(SANITIZE)
export RC_NPM = $(abspath $(NPM_DIR))

run: deps-build ## Start the broker and a demo producer; Ctrl-C ends both
	$(Q)$(MAKE) all
	$(Q)BUILD=$(BUILD) scripts/run.sh

test: deps-build deps-test ## Every test but the browser's
	$(Q)$(MAKE) test-unit
	$(Q)$(MAKE) test-threads
	$(Q)$(MAKE) test-integration
	$(Q)$(MAKE) fuzz-smoke

test-unit: $(UNIT_PROGRAMS) | deps-test ## The unit tests (tests/unit)
	$(Q)scripts/run-tests.sh $(sort $(UNIT_PROGRAMS))

test-threads: $(THREAD_PROGRAMS) ## The tests of threads (tests/tsan), without TSan
	$(Q)scripts/run-tests.sh $(sort $(THREAD_PROGRAMS))

test-integration: all $(TOOL_PROGRAMS) $(filter %/ringcast-bench,$(BENCH_PROGRAMS)) $(NPM_DIR)/.installed | deps-test ## The real binary, from outside
	$(Q)tests/integration/run.sh

test-browser: all $(TOOL_PROGRAMS) $(NPM_DIR)/.installed | deps-browser ## The pages, in headless Chromium
	$(Q)tests/integration/run.sh tests/web

$(NPM_DIR)/.installed: tests/package.json tests/package-lock.json | deps-test
	$(Q)scripts/install-npm.sh $(NPM_DIR)

asan: deps-build deps-test ## Unit and integration tests under ASan and UBSan
	$(Q)$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address test-unit
	$(Q)$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address test-threads
	$(Q)$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address test-integration

tsan: deps-build deps-test ## tests/tsan and the integration tests marked smoke, under TSan
	$(Q)$(MAKE) BUILD=$(BUILD)/tsan SANITIZE=thread test-threads
	$(Q)RC_SMOKE=1 $(MAKE) BUILD=$(BUILD)/tsan SANITIZE=thread test-integration

fuzz: deps-build deps-test ## Each fuzz target for FUZZ_SECONDS=60
	$(Q)$(MAKE) BUILD=$(BUILD)/fuzz SANITIZE=fuzzer CC=clang fuzz-programs
	$(Q)tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

fuzz-smoke: deps-build deps-test ## Each fuzz target over its corpus and for 2 s
	$(Q)$(MAKE) BUILD=$(BUILD)/fuzz SANITIZE=fuzzer CC=clang fuzz-programs
	$(Q)tests/fuzz/run.sh $(BUILD)/fuzz 2

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

coverage: deps-coverage ## Statement coverage by folder; fails under 85 % where the issue asks for it
	$(Q)find $(BUILD)/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(Q)status=0; \
	LOG_SIM_RUNS=1000 $(MAKE) BUILD=$(BUILD)/coverage SANITIZE=coverage test-unit || status=1; \
	$(MAKE) BUILD=$(BUILD)/coverage SANITIZE=coverage test-integration || status=1; \
	scripts/coverage.sh $(BUILD)/coverage || status=1; \
	exit $$status

bench: deps-bench ## The benchmarks (perf/bench.sh)
	$(Q)$(MAKE) all bench-programs
	$(Q)perf/bench.sh

.PHONY: bench-micro
bench-micro: deps-build ## The micro-benchmarks (perf/micro), in under a minute
	$(Q)$(MAKE) -s $(MICRO_PROGRAMS)
	@printf '  %-46s %9s  %-22s %9s\n' 'medians' 'ns each' ' lowest to highest' 'M/s'
	$(Q)set -e; for program in $(sort $(MICRO_PROGRAMS)); do $$program; done

.PHONY: bench-peers
bench-peers: deps-bench ## ringcast beside its rivals (perf/peers), PEERS="OPTIONS"
	$(Q)$(MAKE) all bench-programs
	$(Q)perf/peers/peers.sh $(PEERS)

bench-full: deps-bench ## The whole comparison, with 100,000 connections (perf/full.sh; half an hour)
	$(Q)$(MAKE) all bench-programs
	$(Q)perf/full.sh

.PHONY: bench-full bench-programs
bench-programs: $(BENCH_PROGRAMS)

# ---- lint --------------------------------------------------------------------------------------

include scripts/lint.mk

# ---- installing --------------------------------------------------------------------------------

install: all ## Install under PREFIX (/usr/local), staged in DESTDIR
	$(Q)BUILD=$(BUILD) VERSION=$(VERSION) SOVERSION=$(SOVERSION) PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) \
	  SYSCONFDIR=$(SYSCONFDIR) UNITDIR=$(UNITDIR) DESTDIR=$(DESTDIR) scripts/install.sh

deb: deps-build deps-package ## Debian packages of the broker and the library, in build/packages
	+$(Q)BUILD=$(BUILD) VERSION=$(VERSION) SOVERSION=$(SOVERSION) scripts/deb.sh

.PHONY: test-deb
test-deb: deb ## Installs and tries the packages in a clean root; root's, and needs a Debian mirror
	$(Q)scripts/test-deb.sh $(BUILD)/packages

deps: ## Install every Debian package that any target but bench-peers needs
	@scripts/install-deps.sh build test lint browser bench coverage package

clean: ## Remove the build directory
	rm -rf $(BUILD)

help: ## This list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
