#include "cli/json_value.h"

#include "base/json.h"
#include "base/text.h"

bool json_value_member(struct slice object, const char *key, struct slice *value)
{
    struct json_scanner scanner;
    struct json_string name;
    struct slice raw;
    bool found = false;
    json_begin(&scanner, object);
    if (json_peek(&scanner) != JSON_OBJECT || !json_enter_object(&scanner)) {
        return false;
    }
    while (json_next_member(&scanner, &name)) {
        if (json_read_raw(&scanner, &raw) && json_string_is(name, key)) {
            *value = raw;
            found = true;
        }
    }
    return found && json_finish(&scanner);
}

uint64_t json_value_number(struct slice object, const char *key)
{
    struct slice raw;
    uint64_t number = 0;
    if (json_value_member(object, key, &raw)) {
        (void)text_parse_u64(raw, &number);
    }
    return number;
}

struct slice json_value_string(struct slice object, const char *key, struct buffer *scratch)
{
    struct slice raw;
    struct json_scanner scanner;
    struct json_string string;
    if (!json_value_member(object, key, &raw)) {
        return slice_empty();
    }
    json_begin(&scanner, raw);
    if (json_peek(&scanner) != JSON_STRING || !json_read_string(&scanner, &string)) {
        return slice_empty();
    }
    size_t start = buffer_length(scratch);
    uint8_t *into = buffer_reserve(scratch, string.length);
    if (into == NULL) {
        return slice_empty();
    }
    json_unescape(string, into);
    buffer_commit(scratch, string.length);
    return slice_after(buffer_slice(scratch), start);
}

size_t json_value_each(struct slice array, void (*visit)(void *context, struct slice value),
                       void *context)
{
    struct json_scanner scanner;
    struct slice raw;
    size_t count = 0;
    json_begin(&scanner, array);
    if (json_peek(&scanner) != JSON_ARRAY || !json_enter_array(&scanner)) {
        return 0;
    }
    while (json_next_element(&scanner) && json_read_raw(&scanner, &raw)) {
        visit(context, raw);
        count++;
    }
    return count;
}
