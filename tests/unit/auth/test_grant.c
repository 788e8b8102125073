#include "auth/grant.h"

#include <criterion/criterion.h>

static const struct slice read_patterns[] = {SLICE_LITERAL("chat/*"), SLICE_LITERAL("news")};
static const struct slice write_patterns[] = {SLICE_LITERAL("chat/alice")};
static const struct slice type_patterns[] = {SLICE_LITERAL("text"), SLICE_LITERAL("tool_*")};

static struct grant *create(bool sees_all_types)
{
    const struct grant_terms terms = {.subject = SLICE_LITERAL("alice"),
                                      .read = {read_patterns, 2},
                                      .write = {write_patterns, 1},
                                      .types = {type_patterns, sees_all_types ? 0 : 2},
                                      .sees_all_types = sees_all_types,
                                      .expires_ms = 5000};
    struct grant *grant = grant_create(&terms);
    cr_assert_not_null(grant);
    return grant;
}

Test(grant, allows_what_its_patterns_say)
{
    struct grant *grant = create(false);
    cr_assert(grant_may_read(grant, slice_of("chat/42")));
    cr_assert(grant_may_read(grant, slice_of("news")));
    cr_assert_not(grant_may_read(grant, slice_of("news/today")));
    cr_assert(grant_may_write(grant, slice_of("chat/alice")));
    cr_assert_not(grant_may_write(grant, slice_of("chat/bob")));
    cr_assert_not(grant_may_broadcast(grant));
    cr_assert(grant_may_see(grant, slice_of("tool_start")));
    cr_assert_not(grant_may_see(grant, slice_of("error")));
    cr_assert_not(grant_sees_all_types(grant));
    cr_assert_eq(grant_expires_ms(grant), 5000);
    cr_assert(slice_equal_text(grant_subject(grant), "alice"));
    cr_assert_gt(grant_bytes(grant), sizeof("chat/*newschat/alicetexttool_*alice"));
    grant_release(grant);
}

Test(grant, an_event_without_a_type_is_a_message)
{
    static const struct slice message[] = {SLICE_LITERAL("message")};
    static const struct slice any[] = {SLICE_LITERAL("*")};
    struct grant *none = create(false);
    struct grant *all = create(true);
    const struct grant_terms message_terms = {.types = {message, 1}};
    const struct grant_terms any_terms = {.types = {any, 1}, .may_broadcast = true};
    struct grant *messages = grant_create(&message_terms);
    struct grant *anything = grant_create(&any_terms);
    cr_assert_not(grant_may_see(none, slice_empty()));
    cr_assert(grant_may_see(all, slice_empty()) && grant_may_see(all, slice_of("error")));
    cr_assert(grant_may_see(messages, slice_empty()));
    cr_assert(grant_may_see(anything, slice_empty()));
    cr_assert(grant_may_broadcast(anything));
    cr_assert_not(grant_may_read(anything, slice_of("chat/42")));
    grant_release(none);
    grant_release(all);
    grant_release(messages);
    grant_release(anything);
}

Test(grant, lives_until_the_last_reference_is_gone)
{
    struct grant *grant = create(true);
    cr_assert_eq(grant_hold(grant), grant);
    grant_release(grant);
    cr_assert(grant_may_read(grant, slice_of("chat/42")));
    grant_release(grant);
}

Test(grant, nobody_in_particular_reads_and_does_nothing_else)
{
    cr_assert_null(grant_hold(NULL));
    grant_release(NULL);
    cr_assert(grant_may_read(NULL, slice_of("chat/42")));
    cr_assert(grant_may_see(NULL, slice_empty()) && grant_sees_all_types(NULL));
    cr_assert_not(grant_may_write(NULL, slice_of("chat/42")));
    cr_assert_not(grant_may_broadcast(NULL));
    cr_assert_eq(grant_expires_ms(NULL), GRANT_NEVER_EXPIRES);
    cr_assert_eq(grant_subject(NULL).length, 0);
    cr_assert_eq(grant_bytes(NULL), 0);
}
