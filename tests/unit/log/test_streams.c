#include "log/streams.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct streams *streams;

static void set_up(void)
{
    streams = malloc(sizeof(*streams));
    cr_assert_eq(streams_init(streams, 100), 0);
}

static void tear_down(void)
{
    streams_free(streams);
    free(streams);
}

TestSuite(streams, .init = set_up, .fini = tear_down, .timeout = 20);

Test(streams, found_by_name_and_number)
{
    struct log_stream *a = streams_add(streams, slice_of("chat/1"), 0);
    struct log_stream *b = streams_add(streams, slice_of("chat/2"), 0);
    cr_assert_eq(a->number, 1);
    cr_assert_eq(b->number, 2);
    cr_assert_eq(streams_find(streams, slice_of("chat/2")), b);
    cr_assert_eq(streams_by_number(streams, 1), a);
    cr_assert_null(streams_find(streams, slice_of("chat/3")));
    cr_assert_null(streams_by_number(streams, 3));
    cr_assert(slice_equal_text(streams_name(streams, a), "chat/1"));
}

Test(streams, numbers_are_never_used_again)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 41);
    streams_remove(streams, a);
    cr_assert_null(streams_find(streams, slice_of("a")));
    cr_assert_null(streams_by_number(streams, 41));
    cr_assert_eq(streams_add(streams, slice_of("a"), 0)->number, 42);
    cr_assert_eq(streams->count, 1);
}

Test(streams, bounded_and_reusable)
{
    char name[256];
    for (int turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < 100; i++) {
            // Names of all sizes, so that places of all sizes are reused.
            (void)snprintf(name, sizeof(name), "%0*u", 3 + (int)((i * 7 + (unsigned)turn) % 250),
                           i);
            cr_assert_not_null(streams_add(streams, slice_of(name), 0));
        }
        cr_assert_null(streams_add(streams, slice_of("one more"), 0));
        for (uint32_t slot = 0; slot < 100; slot++) {
            struct log_stream *stream = streams_at(streams, slot);
            struct slice kept = streams_name(streams, stream);
            cr_assert_eq(streams_find(streams, kept), stream);
            streams_remove(streams, stream);
        }
        cr_assert_eq(streams->count, 0);
    }
    cr_assert_eq(streams->touched, 100);
}

Test(streams, extras_come_and_go)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    cr_assert_null(streams_extra(streams, a));
    cr_assert_eq(streams_interest(streams, a), 0);
    struct stream_extra *extra = streams_need_extra(streams, a);
    cr_assert_eq(streams_need_extra(streams, a), extra);
    extra->interest = 5;
    cr_assert_eq(streams_interest(streams, a), 5);
    streams_trim_extra(streams, a);
    cr_assert_eq(streams_extra(streams, a), extra, "somebody watches");
    extra->interest = 0;
    extra->settings.idle_ttl_ms = 1;
    streams_trim_extra(streams, a);
    cr_assert_eq(streams_extra(streams, a), extra, "it has settings");
    extra->settings.idle_ttl_ms = 0;
    streams_trim_extra(streams, a);
    cr_assert_null(streams_extra(streams, a));
    (void)streams_need_extra(streams, a);
    streams_remove(streams, a);
    cr_assert_eq(pool_used(&streams->extras), 0);
}

Test(streams, the_handed_out_sequence_is_behind_by_what_is_pending)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    a->last_sequence = 10;
    a->pending = 3;
    cr_assert_eq(streams_handed_sequence(a), 7);
}
