# make lint: each file is checked once, until it or a header that it includes changes.

C_FILES := $(call only,$(sort $(wildcard include/ringcast/*.h src/*/*.[ch] src/client/examples/*.[ch] \
             tests/unit/*/*.[ch] tests/*/*.[ch] perf/*/*.[ch])))
SHELL_FILES := $(call only,.ci/run $(sort $(wildcard scripts/*.sh tests/*/*.sh perf/*.sh perf/*/*.sh)))
JS_FILES := $(call only,$(sort $(wildcard src/web/*.js src/web/*.mjs tests/*.mjs tests/*/*.mjs perf/*/*.mjs)))
LINT := $(BUILD)/lint

TIDY_FLAGS = $(LANGUAGE) $(INCLUDES) -Itests $(LLHTTP_INCLUDES) \
             $(CLANG_WARNINGS)

lint: deps-build deps-lint ## Layout, layers, sizes, clang-tidy, shellcheck
	$(Q)$(MAKE) -k --output-sync=target lint-files
	@echo "lint: clean"

format: deps-lint ## Lay out every C file with clang-format
	$(Q)$(if $(C_FILES),clang-format -i $(C_FILES))

.PHONY: lint-files lint-tree
lint-tree:
	$(Q)scripts/check-layers.sh && scripts/check-size.sh

lint-files: lint-tree $(C_FILES:%=$(LINT)/%.format) $(patsubst %,$(LINT)/%.tidy,$(filter %.c,$(C_FILES))) \
            $(SHELL_FILES:%=$(LINT)/%.shellcheck) $(JS_FILES:%=$(LINT)/%.syntax)

$(LINT)/%.format: % .clang-format
	@mkdir -p $(@D)
	$(Q)clang-format --dry-run -Werror $<
	@touch $@

$(LINT)/%.tidy: % .clang-tidy $(wildcard tests/.clang-tidy) $(BUILD)/lists/flags | $(BUILD)/gen/web_assets.h
	@mkdir -p $(@D)
	@echo "TIDY  $<"
	$(Q)$(CC) $(LANGUAGE) $(INCLUDES) -Itests $(LLHTTP_INCLUDES) -w -MM -MP -MT $@ -MF $@.d $<
	$(Q)clang-tidy --quiet $< -- $(TIDY_FLAGS) \
	  $(if $(filter tests/fuzz/%,$<),-Wno-missing-prototypes) 2>$@.err || { cat $@.err >&2; exit 1; }
	@touch $@

$(LINT)/%.shellcheck: %
	@mkdir -p $(@D)
	$(Q)shellcheck $<
	@touch $@

$(LINT)/%.syntax: %
	@mkdir -p $(@D)
	$(Q)node --check $<
	@touch $@

-include $(wildcard $(patsubst %,$(LINT)/%.tidy.d,$(filter %.c,$(C_FILES))))
