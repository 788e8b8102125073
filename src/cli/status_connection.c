// One connection, whole: every member of the broker's answer on a line of its own, and what it is
// served with as a table.
#include "base/json.h"
#include "cli/json_value.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include <string.h>

enum { STRING_BYTES_MAX = 64 << 10, NAME_WIDTH = 24 };

struct page {
    FILE *out;
    bool colour;
    struct buffer text; // of one value
};

static void append_value(struct buffer *text, struct slice value);

static void append_element(void *context, struct slice value)
{
    struct buffer *text = context;
    if (buffer_length(text) > 0) {
        (void)buffer_append_text(text, ", ");
    }
    append_value(text, value);
}

// As people read it: strings without quotes, lists with commas.
static void append_value(struct buffer *text, struct slice value)
{
    struct json_scanner scanner;
    struct json_string string;
    json_begin(&scanner, value);
    switch (json_peek(&scanner)) {
    case JSON_STRING:
        if (json_read_string(&scanner, &string)) {
            uint8_t *into = buffer_reserve(text, string.length);
            if (into != NULL) {
                json_unescape(string, into);
                buffer_commit(text, string.length);
            }
        }
        break;
    case JSON_ARRAY: (void)json_value_each(value, append_element, text); break;
    default: (void)buffer_append_slice(text, value); break;
    }
}

static void print_member(struct page *page, struct slice group, struct slice key,
                         struct slice value)
{
    char name[64];
    (void)snprintf(name, sizeof(name), SLICE_FORMAT "%s" SLICE_FORMAT, SLICE_ARGUMENTS(group),
                   group.length > 0 ? " " : "", SLICE_ARGUMENTS(key));
    buffer_clear(&page->text);
    append_value(&page->text, value);
    terminal_write_styled(page->out, page->colour, STYLE_BOLD, slice_of(name));
    size_t length = strlen(name);
    (void)fprintf(page->out, "%*s", length < NAME_WIDTH ? NAME_WIDTH - (int)length : 1, "");
    terminal_write_text(page->out, buffer_slice(&page->text));
    (void)fputc('\n', page->out);
}

// Objects within are groups of lines; lists of objects are left out.
static void print_members(struct page *page, struct slice group, struct slice object)
{
    struct json_scanner scanner;
    struct json_string key;
    struct slice value;
    json_begin(&scanner, object);
    if (!json_enter_object(&scanner)) {
        return;
    }
    while (json_next_member(&scanner, &key) && json_read_raw(&scanner, &value)) {
        struct json_scanner inner;
        json_begin(&inner, value);
        if (json_peek(&inner) == JSON_OBJECT) {
            print_members(page, key.raw, value);
        } else if (!json_string_is(key, "settings")) {
            print_member(page, group, key.raw, value);
        }
    }
}

static void add_setting(void *context, struct slice setting)
{
    struct table *table = context;
    struct buffer text;
    buffer_init(&text, STRING_BYTES_MAX);
    table_add(table, json_value_string(setting, "name", &text));
    uint64_t value = json_value_number(setting, "value");
    if (value == 0) {
        table_add_text(table, "-"); // no limit, or off
    } else {
        table_add_number(table, value);
    }
    buffer_clear(&text);
    table_add(table, json_value_string(setting, "from", &text));
    buffer_free(&text);
}

static int print_settings(const struct page *page, struct slice settings)
{
    static const char *const headings[] = {"SETTING", ">VALUE", "FROM"};
    struct table table;
    table_init(&table, headings, sizeof(headings) / sizeof(headings[0]));
    (void)json_value_each(settings, add_setting, &table);
    (void)fputc('\n', page->out);
    int error = table_print(&table, page->out, page->colour);
    table_free(&table);
    return error;
}

int status_print_connection(struct slice answer, FILE *out, bool colour)
{
    struct page page = {.out = out, .colour = colour};
    struct slice connection = slice_empty();
    struct slice quality = slice_empty();
    struct slice settings = slice_empty();
    buffer_init(&page.text, STRING_BYTES_MAX);
    int error = 0;
    if (json_value_member(answer, "connection", &connection)) {
        print_members(&page, slice_empty(), connection);
    }
    if (json_value_member(connection, "quality", &quality) &&
        json_value_member(quality, "settings", &settings)) {
        error = print_settings(&page, settings);
    }
    buffer_free(&page.text);
    return error;
}
