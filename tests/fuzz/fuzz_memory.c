// What the kernel tells of memory, as any bytes: each parser on all of them.
// layer: app
#include "app/memory_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct slice part, struct slice whole)
{
    return part.at >= whole.at && part.at + part.length <= whole.at + whole.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(data, size);
    for (enum memory_hierarchy hierarchy = MEMORY_CGROUP_V1; hierarchy <= MEMORY_CGROUP_V2;
         hierarchy++) {
        struct slice one;
        struct slice other;
        ASSERT(!memory_text_group(text, hierarchy, &one) ||
               (one.at[0] == '/' && is_inside(one, text)));
        ASSERT(!memory_text_mount(text, hierarchy, &one, &other) ||
               (one.at[0] == '/' && is_inside(one, text) && other.at[0] == '/' &&
                is_inside(other, text)));
    }
    uint64_t value;
    (void)memory_text_limit(text, &value);
    (void)memory_text_value(text, "active_file", &value);
    (void)memory_text_named(text, "TCP:", "mem", &value);
    (void)memory_text_column(text, 2, &value);
    return 0;
}
