#include "app/setting_value.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <string.h>

// What a change is told with: longer values end in "...".
enum { CHANGE_TEXT_BYTES_MAX = 240 };

static const void *place_of(const struct setting *setting, const void *target)
{
    return (const uint8_t *)target + setting->offset;
}

// Text between quotes (TOML 1.0, "String"; a basic one).
static void write_quoted(struct slice text, struct buffer *into)
{
    (void)buffer_append_byte(into, '"');
    while (text.length > 0) {
        size_t length = utf8_character_length(text);
        uint8_t byte = text.at[0];
        if (length == 0) {
            (void)buffer_append_byte(into, '?');
        } else if (byte == '"' || byte == '\\') {
            (void)buffer_append_byte(into, '\\');
            (void)buffer_append_byte(into, byte);
        } else if (byte < ' ' || byte == 0x7f) {
            (void)buffer_printf(into, "\\u%04X", (unsigned)byte);
        } else {
            (void)buffer_append(into, text.at, length);
        }
        text = slice_after(text, length == 0 ? 1 : length);
    }
    (void)buffer_append_byte(into, '"');
}

// A list that is being written: [a, b] in a file, "a, b" for people.
struct list {
    enum setting_form form;
    struct buffer *into;
    uint32_t count;
};

static struct list list_begin(enum setting_form form, struct buffer *into)
{
    if (form == SETTING_FORM_TOML) {
        (void)buffer_append_byte(into, '[');
    }
    return (struct list){.form = form, .into = into};
}

static void list_next(struct list *list)
{
    if (list->count++ > 0) {
        (void)buffer_append_text(list->into, ", ");
    }
}

static void list_add(struct list *list, struct slice text)
{
    list_next(list);
    if (list->form == SETTING_FORM_TOML) {
        write_quoted(text, list->into);
    } else {
        (void)buffer_append_slice(list->into, text);
    }
}

static void list_end(const struct list *list)
{
    if (list->form == SETTING_FORM_TOML) {
        (void)buffer_append_byte(list->into, ']');
    } else if (list->count == 0) {
        (void)buffer_append_text(list->into, "none");
    }
}

static void write_text(const char *text, enum setting_form form, struct buffer *into)
{
    if (form == SETTING_FORM_TOML) {
        write_quoted(text == NULL ? slice_empty() : slice_of(text), into);
    } else {
        (void)buffer_append_text(into, text == NULL ? "none" : text);
    }
}

static void write_texts(const struct setting_texts *texts, enum setting_form form,
                        struct buffer *into)
{
    struct list list = list_begin(form, into);
    for (uint32_t i = 0; i < texts->count; i++) {
        list_add(&list, slice_of(texts->texts[i]));
    }
    list_end(&list);
}

// Text of several, in a file as an array.
static void write_parts(const char *text, enum setting_form form, struct buffer *into)
{
    struct list list = list_begin(form, into);
    struct slice rest = text == NULL || text[0] == 0 ? slice_empty() : slice_of(text);
    while (rest.at != NULL) {
        list_add(&list, slice_trim(slice_split(&rest, ',')));
    }
    list_end(&list);
}

static void write_set(const struct setting *setting, uint64_t bits, enum setting_form form,
                      struct buffer *into)
{
    struct list list = list_begin(form, into);
    for (unsigned i = 0; setting->choices[i] != NULL; i++) {
        if ((bits >> i & 1) != 0) {
            list_add(&list, slice_of(setting->choices[i]));
        }
    }
    list_end(&list);
}

static void write_ids(const struct setting_ids *ids, enum setting_form form, struct buffer *into)
{
    struct list list = list_begin(form, into);
    for (uint32_t i = 0; i < ids->count; i++) {
        list_next(&list);
        (void)buffer_append_u64(into, ids->ids[i]);
    }
    list_end(&list);
}

void setting_write_value(const struct setting *setting, const void *target, enum setting_form form,
                         struct buffer *into)
{
    const void *place = place_of(setting, target);
    char text[SETTING_VALUE_SIZE];
    switch (setting->kind) {
    case SETTING_SWITCH:
        (void)buffer_append_text(into, *(const bool *)place ? "true" : "false");
        return;
    case SETTING_TEXT:
        if ((setting->traits & SETTING_LIST) != 0) {
            write_parts(*(const char *const *)place, form, into);
        } else {
            write_text(*(const char *const *)place, form, into);
        }
        return;
    case SETTING_TEXTS: write_texts(place, form, into); return;
    case SETTING_COUNT:
    case SETTING_DECIMAL:
        setting_format_number(setting->kind, *(const uint64_t *)place, text);
        (void)buffer_append_text(into, text);
        return;
    case SETTING_SIZE:
    case SETTING_DURATION:
        setting_format_number(setting->kind, *(const uint64_t *)place, text);
        write_text(text, form, into);
        return;
    case SETTING_CHOICE: write_text(setting->choices[*(const unsigned *)place], form, into); return;
    case SETTING_SET: write_set(setting, *(const uint64_t *)place, form, into); return;
    case SETTING_MODE:
        (void)snprintf(text, sizeof(text), "%04o", (unsigned)*(const uint64_t *)place);
        write_text(text, form, into);
        return;
    case SETTING_USERS:
    case SETTING_GROUPS: write_ids(place, form, into); return;
    }
    UNREACHABLE();
}

static size_t bytes_of(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_SWITCH: return sizeof(bool);
    case SETTING_TEXT: return sizeof(const char *);
    case SETTING_TEXTS: return sizeof(struct setting_texts);
    case SETTING_CHOICE: return sizeof(unsigned);
    case SETTING_USERS:
    case SETTING_GROUPS: return sizeof(struct setting_ids);
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_DURATION:
    case SETTING_DECIMAL:
    case SETTING_SET:
    case SETTING_MODE: return sizeof(uint64_t);
    }
    UNREACHABLE();
}

void setting_copy(const struct setting *setting, void *into, const void *from)
{
    memcpy((uint8_t *)into + setting->offset, place_of(setting, from), bytes_of(setting->kind));
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool are_same_texts(const struct setting_texts *one, const struct setting_texts *other)
{
    bool is_same = one->count == other->count;
    for (uint32_t i = 0; is_same && i < one->count; i++) {
        is_same = is_same_text(one->texts[i], other->texts[i]);
    }
    return is_same;
}

bool setting_equal(const struct setting *setting, const void *one, const void *other)
{
    const void *a = place_of(setting, one);
    const void *b = place_of(setting, other);
    switch (setting->kind) {
    case SETTING_SWITCH: return *(const bool *)a == *(const bool *)b;
    case SETTING_TEXT: return is_same_text(*(const char *const *)a, *(const char *const *)b);
    case SETTING_TEXTS: return are_same_texts(a, b);
    case SETTING_CHOICE: return *(const unsigned *)a == *(const unsigned *)b;
    case SETTING_USERS:
    case SETTING_GROUPS: {
        const struct setting_ids *ids = a;
        const struct setting_ids *others = b;
        return ids->count == others->count &&
               memcmp(ids->ids, others->ids, ids->count * sizeof(ids->ids[0])) == 0;
    }
    default: return *(const uint64_t *)a == *(const uint64_t *)b;
    }
}

// Whether the machine decides, as default_note says.
static bool is_left_open(const struct setting *setting, const void *target)
{
    const void *place = place_of(setting, target);
    if (setting->default_text != NULL || setting->default_note == NULL) {
        return false;
    }
    switch (setting->kind) {
    case SETTING_SWITCH:
    case SETTING_CHOICE: return false;
    case SETTING_TEXT: return *(const char *const *)place == NULL;
    case SETTING_TEXTS: return ((const struct setting_texts *)place)->count == 0;
    case SETTING_USERS:
    case SETTING_GROUPS: return ((const struct setting_ids *)place)->count == 0;
    default: return *(const uint64_t *)place == 0;
    }
}

// The value, printable, in as much of it as there is room for.
static void tell(const struct setting *setting, const void *target,
                 char text[CHANGE_TEXT_BYTES_MAX + sizeof "..."])
{
    struct buffer whole;
    buffer_init(&whole, 64 << 10);
    if (is_left_open(setting, target)) {
        (void)buffer_printf(&whole, "(%s)", setting->default_note);
    } else {
        setting_write_value(setting, target, SETTING_FORM_PLAIN, &whole);
    }
    struct slice value = buffer_slice(&whole);
    bool is_long = value.length > CHANGE_TEXT_BYTES_MAX || buffer_failure(&whole) != 0;
    value.length = value.length < CHANGE_TEXT_BYTES_MAX ? value.length : CHANGE_TEXT_BYTES_MAX;
    (void)snprintf(text, CHANGE_TEXT_BYTES_MAX + sizeof "...", SLICE_FORMAT "%s",
                   SLICE_ARGUMENTS(value), is_long ? "..." : "");
    utf8_make_printable((uint8_t *)text, strlen(text));
    buffer_free(&whole);
}

void settings_diff(const struct setting_table *table, const void *before, const void *after,
                   setting_on_change *on_change, void *context)
{
    size_t count = settings_count(table);
    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = settings_at(table, i);
        if (setting_equal(setting, before, after)) {
            continue;
        }
        char texts[2][CHANGE_TEXT_BYTES_MAX + sizeof "..."];
        tell(setting, before, texts[0]);
        tell(setting, after, texts[1]);
        const struct setting_change change = {.setting = setting,
                                              .before = texts[0],
                                              .after = texts[1],
                                              .reloads = (setting->traits & SETTING_RELOADS) != 0};
        on_change(context, &change);
    }
}
