#include "app/memory_text.h"

#include "base/text.h"

enum { MOUNT_ROOT = 3, MOUNT_PLACE = 4, MOUNT_WORDS = 5 };
#define NO_LIMIT (UINT64_C(1) << 62)

// The next word, parted from others by spaces and tabs; empty at the end.
static struct slice next_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    size_t length = 0;
    while (length < rest->length && rest->at[length] != ' ' && rest->at[length] != '\t') {
        length++;
    }
    struct slice word = slice_first(*rest, length);
    *rest = slice_after(*rest, length);
    return word;
}

static bool is_path(struct slice word)
{
    return word.length > 0 && word.at[0] == '/';
}

// Whether a list parted by commas has this member.
static bool has_member(struct slice list, const char *member)
{
    while (list.at != NULL) {
        if (slice_equal_text(slice_split(&list, ','), member)) {
            return true;
        }
    }
    return false;
}

bool memory_text_group(struct slice text, enum memory_hierarchy hierarchy, struct slice *path)
{
    while (text.at != NULL) {
        // hierarchy-ID:controller-list:path, where the path may hold colons (cgroups(7))
        struct slice rest = slice_split(&text, '\n');
        struct slice number = slice_split(&rest, ':');
        struct slice controllers = slice_split(&rest, ':');
        bool is_wanted = hierarchy == MEMORY_CGROUP_V2
                             ? slice_equal_text(number, "0") && controllers.length == 0
                             : has_member(controllers, "memory");
        if (is_wanted && is_path(rest)) {
            *path = rest;
            return true;
        }
    }
    return false;
}

bool memory_text_mount(struct slice text, enum memory_hierarchy hierarchy, struct slice *root,
                       struct slice *place)
{
    while (text.at != NULL) {
        // ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [FIELDS...] - TYPE SOURCE SUPER-OPTIONS
        // (proc(5))
        struct slice rest = slice_split(&text, '\n');
        struct slice words[MOUNT_WORDS];
        for (unsigned i = 0; i < MOUNT_WORDS; i++) {
            words[i] = next_word(&rest);
        }
        struct slice word;
        do {
            word = next_word(&rest);
        } while (word.length > 0 && !slice_equal_text(word, "-"));
        struct slice type = next_word(&rest);
        (void)next_word(&rest);
        struct slice options = next_word(&rest);
        bool is_wanted = hierarchy == MEMORY_CGROUP_V2
                             ? slice_equal_text(type, "cgroup2")
                             : slice_equal_text(type, "cgroup") && has_member(options, "memory");
        if (is_wanted && is_path(words[MOUNT_ROOT]) && is_path(words[MOUNT_PLACE])) {
            *root = words[MOUNT_ROOT];
            *place = words[MOUNT_PLACE];
            return true;
        }
    }
    return false;
}

bool memory_text_limit(struct slice text, uint64_t *bytes)
{
    struct slice line = slice_split(&text, '\n');
    if (slice_equal_text(line, "max")) {
        *bytes = UINT64_MAX;
        return true;
    }
    uint64_t value;
    if (!text_parse_u64(line, &value)) {
        return false;
    }
    *bytes = value < NO_LIMIT ? value : UINT64_MAX;
    return true;
}

bool memory_text_value(struct slice text, const char *key, uint64_t *value)
{
    while (text.at != NULL) {
        struct slice rest = slice_split(&text, '\n');
        if (slice_equal_text(next_word(&rest), key)) {
            return text_parse_u64(next_word(&rest), value);
        }
    }
    return false;
}

bool memory_text_named(struct slice text, const char *line, const char *name, uint64_t *value)
{
    while (text.at != NULL) {
        struct slice rest = slice_split(&text, '\n');
        if (!slice_equal_text(next_word(&rest), line)) {
            continue;
        }
        for (struct slice word = next_word(&rest); word.length > 0; word = next_word(&rest)) {
            struct slice number = next_word(&rest);
            if (slice_equal_text(word, name)) {
                return text_parse_u64(number, value);
            }
        }
        return false;
    }
    return false;
}

bool memory_text_column(struct slice text, unsigned index, uint64_t *value)
{
    struct slice rest = slice_split(&text, '\n');
    for (unsigned i = 0; i < index; i++) {
        (void)next_word(&rest);
    }
    return text_parse_u64(next_word(&rest), value);
}
