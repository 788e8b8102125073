#include "cli/event_printer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// What the printer writes for one event.
static char *print(bool is_json, const struct sse_event *event)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct event_printer printer;
    event_printer_init(&printer, out, is_json);
    event_printer_print(&printer, event);
    event_printer_free(&printer);
    (void)fclose(out);
    return text;
}

static void expect(bool is_json, const char *id, const char *type, const char *data,
                   const char *expected)
{
    const struct sse_event event = {
        .id = slice_of(id),
        .type = slice_of(type),
        .data = slice_of(data),
        .has_own_id = id[0] != 0,
    };
    char *text = print(is_json, &event);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(event_printer, for_people)
{
    expect(false, "7", "text", "hi", "7 text  hi\n");
    expect(false, "", "heartbeat", "{}", "- heartbeat  {}\n");
    expect(false, "7", "text", "one\ntwo\n", "7 text  one\n    two\n    \n");
    expect(false, "7", "text", "", "7 text  \n");
}

Test(event_printer, envelopes_for_people)
{
    expect(false, "7", "text",
           "{\"id\":7,\"stream\":\"chat/42\",\"sequence\":1,\"type\":\"text\",\"time\":5,"
           "\"data\":\"a\\nb\"}",
           "7 chat/42 text  a\n    b\n");
    expect(false, "7", "text", "{\"stream\":\"s\",\"time\":5,\"data\":{\"x\":[1, 2]}}",
           "7 s text  {\"x\":[1, 2]}\n");
    expect(false, "7", "text", "{\"stream\":\"s\",\"data\":1}",
           "7 text  {\"stream\":\"s\",\"data\":1}\n");
}

Test(event_printer, escape_sequences_do_no_harm)
{
    expect(false, "7", "text", "\x1b[2Jx\x07\ty", "7 text  \\x1b[2Jx\\x07\ty\n");
}

Test(event_printer, json_without_envelope)
{
    expect(true, "7", "text", "a\"b", "{\"id\":7,\"type\":\"text\",\"data\":\"a\\\"b\"}\n");
    expect(true, "", "gap", "{\"from\":1}", "{\"type\":\"gap\",\"data\":\"{\\\"from\\\":1}\"}\n");
    expect(true, "x-1", "text", "\xff",
           "{\"id\":\"x-1\",\"type\":\"text\",\"data\":\"\xef\xbf\xbd\"}\n");
}

Test(event_printer, json_envelope_stays_on_one_line)
{
    expect(true, "7", "text", "{\"stream\":\"s\",\"time\":5,\n\"data\":{\"a\":1}}",
           "{\"stream\":\"s\",\"time\":5,\"data\":{\"a\":1}}\n");
}
