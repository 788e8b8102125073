#include "cli/subscribe.h"

#include <criterion/criterion.h>

static void expect(const char *base, char *const *streams, size_t count, const char *from,
                   bool with_envelope, const char *expected)
{
    struct buffer url;
    buffer_init(&url, 4096);
    cr_assert_eq(subscribe_url(&url, base, streams, count, from, with_envelope), 0);
    cr_assert(slice_equal_text(buffer_slice(&url), expected), SLICE_FORMAT,
              SLICE_ARGUMENTS(buffer_slice(&url)));
    buffer_free(&url);
}

Test(subscribe, one_stream_in_native_frames)
{
    char *streams[] = {"chat/42"};
    expect("http://h:1", streams, 1, NULL, false, "http://h:1/streams/chat/42");
    expect("http://h:1/", streams, 1, "last:5", false, "http://h:1/streams/chat/42?from=last:5");
}

Test(subscribe, several_streams_or_envelopes)
{
    char *streams[] = {"a b", "c&d"};
    expect("http://h:1//", streams, 2, NULL, false, "http://h:1/events?stream=a%20b&stream=c%26d");
    expect("http://h:1", streams, 1, "earliest", true,
           "http://h:1/events?stream=a%20b&from=earliest");
}

Test(subscribe, wrong_usage)
{
    char *none[] = {"subscribe", NULL};
    cr_assert_eq(cli_subscribe(1, none), 2);
    char *bad_name[] = {"subscribe", "a\nb", NULL};
    cr_assert_eq(cli_subscribe(2, bad_name), 2);
    char *bad_flag[] = {"subscribe", "--jason", "a", NULL};
    cr_assert_eq(cli_subscribe(3, bad_flag), 2);
    char *help[] = {"subscribe", "--help", NULL};
    cr_assert_eq(cli_subscribe(2, help), 0);
}

Test(subscribe, no_broker_there)
{
    char *arguments[] = {"subscribe", "--url", "http://127.0.0.1:1", "a", NULL};
    cr_assert_eq(cli_subscribe(4, arguments), 1);
}
