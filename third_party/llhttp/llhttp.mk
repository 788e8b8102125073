# llhttp, compiled from the sources of Debian's package node-llhttp. See README.md beside this file.
LLHTTP_PREFIX ?= /usr/share
LLHTTP_INCLUDES := -isystem $(LLHTTP_PREFIX)/include/llhttp
LLHTTP_OBJECTS := $(patsubst %,$(BUILD)/obj/third_party/llhttp/%.o,api http llhttp)

llhttp_flags = -std=gnu11 -O2 -g -fno-omit-frame-pointer $(optimize_$(SANITIZE)) -w \
               -DLLHTTP_STRICT_MODE=1 $(LLHTTP_INCLUDES)

# The sources are no prerequisites: the package may only come with deps-build.
$(LLHTTP_OBJECTS): $(BUILD)/obj/third_party/llhttp/%.o: third_party/llhttp/llhttp.mk \
                   $(BUILD)/lists/flags | deps-build
	@mkdir -p $(@D)
	@echo "CC    llhttp/$*.c"
	$(Q)$(CC) $(llhttp_flags) -c -o $@ $(LLHTTP_PREFIX)/llhttp/$*.c
