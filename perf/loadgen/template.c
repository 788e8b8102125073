#include "template.h"

#include "base/json_writer.h"
#include "base/percent.h"

#include <string.h>

enum mark_form {
    FORM_PLAIN, // as the place wants it
    FORM_JSON,
    FORM_URL,
};

enum mark_field {
    FIELD_NUMBER,
    FIELD_STREAM,
    FIELD_DATA,
};

static const struct mark {
    const char *text;
    enum mark_field field;
    enum mark_form form;
} MARKS[] = {
    {"{number}", FIELD_NUMBER, FORM_PLAIN},     {"{stream}", FIELD_STREAM, FORM_PLAIN},
    {"{stream_json}", FIELD_STREAM, FORM_JSON}, {"{stream_url}", FIELD_STREAM, FORM_URL},
    {"{data}", FIELD_DATA, FORM_PLAIN},         {"{data_json}", FIELD_DATA, FORM_JSON},
    {"{data_url}", FIELD_DATA, FORM_URL},
};

static void append_json(struct buffer *into, struct slice value)
{
    size_t length = json_escaped_length(value);
    uint8_t *at = buffer_reserve(into, length);
    if (at != NULL) {
        buffer_commit(into, json_escape(at, value));
    }
}

static void append_value(struct buffer *into, struct slice value, enum mark_form form,
                         enum template_place place)
{
    switch (form) {
    case FORM_JSON: append_json(into, value); return;
    case FORM_URL: (void)percent_encode(into, value, ""); return;
    case FORM_PLAIN: break;
    }
    if (place == TEMPLATE_URL) {
        (void)percent_encode(into, value, "/");
    } else {
        (void)buffer_append_slice(into, value);
    }
}

// Fills in the mark at the beginning of `text` and returns its length; 0 when there is none.
static size_t mark_expand(struct buffer *into, const char *text, enum template_place place,
                          const struct template_values *values)
{
    for (size_t i = 0; i < sizeof MARKS / sizeof MARKS[0]; i++) {
        const struct mark *mark = &MARKS[i];
        size_t length = strlen(mark->text);
        if (strncmp(text, mark->text, length) != 0) {
            continue;
        }
        if (mark->field == FIELD_NUMBER) {
            (void)buffer_append_u64(into, values->number);
            return length;
        }
        struct slice value = mark->field == FIELD_STREAM ? values->stream : values->data;
        if (value.at == NULL) {
            return 0;
        }
        append_value(into, value, mark->form, place);
        return length;
    }
    return 0;
}

void template_expand(struct buffer *into, const char *text, enum template_place place,
                     const struct template_values *values)
{
    while (*text != 0) {
        size_t plain = strcspn(text, "{");
        (void)buffer_append(into, text, plain);
        text += plain;
        if (*text == 0) {
            return;
        }
        size_t length = mark_expand(into, text, place, values);
        if (length == 0) {
            (void)buffer_append_byte(into, '{');
            length = 1;
        }
        text += length;
    }
}
