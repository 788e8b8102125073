#include "http/accept.h"

#include <criterion/criterion.h>

static const struct {
    const char *accept;
    unsigned quality;
} table[] = {
    {"", 1000},
    {"  ", 1000},
    {"*/*", 1000},
    {"text/*", 1000},
    {"text/event-stream", 1000},
    {"TEXT/Event-Stream", 1000},
    {"text/event-stream;charset=utf-8", 1000},
    {"application/json", 0},
    {"application/*", 0},
    {"text/html", 0},
    {"text/event-stream-x", 0},
    {"text/event", 0},
    {"text", 0},
    {"*", 0},
    {"application/json, text/event-stream", 1000},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 800},
    {"*/*;q=0", 0},
    {"text/event-stream;q=0, */*", 0},
    {"*/*, text/event-stream ; q=0.25", 250},
    {"text/*;q=0.5, */*;q=0.1", 500},
    {"text/event-stream;q=0.1, text/event-stream;q=0.3", 300},
    {"text/event-stream;Q=0.123", 123},
    {"text/event-stream;q=1.000", 1000},
    {"text/event-stream;q=1.5", 1000},
    {"text/event-stream;q=0.", 0},
    {"text/event-stream;q=", 1000},
    {"text/event-stream;q=x", 1000},
    {"text/event-stream;q=0x1", 1000},
    {"text/event-stream;q=0.1x", 1000},
    {"text/event-stream;q=0.1234", 1000},
    {",,text/event-stream;;q=0.5;,", 500},
    {"a/b;c=\",text/event-stream\"", 0},
    {"a/b;c=\"\\\",\", text/event-stream", 1000},
    {"a/b;c=\"\\", 0},
};

Test(accept, table)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        unsigned quality = http_accept_quality(slice_of(table[i].accept), "text/event-stream");
        cr_expect_eq(quality, table[i].quality, "\"%s\": %u", table[i].accept, quality);
    }
}
