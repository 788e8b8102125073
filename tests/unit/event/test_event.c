#include "event/event.h"

#include "base/limits.h"
#include "event/frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct buffer list;
static char message[256];

static void setup(void)
{
    buffer_init(&list, 1 << 20);
}

static void teardown(void)
{
    buffer_free(&list);
}

TestSuite(event, .init = setup, .fini = teardown, .timeout = 30);

static struct event sample(void)
{
    return (struct event){.stream = slice_of("chat/42"),
                          .type = slice_of("text"),
                          .data = slice_of("hi"),
                          .priority = PRIORITY_NORMAL};
}

static enum rc_error validate(const struct event *event)
{
    message[0] = 'x';
    enum rc_error error = event_validate(event, message, sizeof message);
    cr_assert_eq(message[0] == 0, error == ERR_NONE, "%s", message);
    return error;
}

static enum rc_error validate_list(void)
{
    struct event event = sample();
    event.attributes = buffer_slice(&list);
    return validate(&event);
}

static void append(uint8_t kind, const char *value)
{
    cr_assert(event_attribute_append(&list, kind, slice_of(value)));
}

Test(event, that_is_valid)
{
    struct event event = sample();
    cr_assert_eq(validate(&event), ERR_NONE);
    event.type = slice_empty();
    event.data = slice_empty();
    cr_assert_eq(validate(&event), ERR_NONE);
    cr_assert_eq(event_validate(&event, NULL, 0), ERR_NONE);
}

Test(event, names)
{
    char name[NAME_BYTES_MAX + 2];
    memset(name, 'a', sizeof name);
    cr_assert(event_name_is_valid(slice_from(name, 1)));
    cr_assert(event_name_is_valid(slice_from(name, NAME_BYTES_MAX)));
    cr_assert_not(event_name_is_valid(slice_from(name, NAME_BYTES_MAX + 1)));
    cr_assert_not(event_name_is_valid(slice_empty()));
    cr_assert_not(event_name_is_valid(slice_of("a\nb")));
    cr_assert_not(event_name_is_valid(slice_of("a\x7f")));
    cr_assert_not(event_name_is_valid(slice_of("a\xc2\x85")));
    cr_assert_not(event_name_is_valid(slice_of("a\xff")));
    cr_assert(event_name_is_valid(slice_of("caf\xc3\xa9/\xf0\x9f\x8e\x89")));
    struct event event = sample();
    event.stream = slice_of("");
    cr_assert_eq(validate(&event), ERR_INVALID_NAME);
    event.stream = slice_of("a\rb");
    cr_assert_eq(validate(&event), ERR_INVALID_NAME);
    cr_assert_not_null(strstr(message, "255"));
}

Test(event, types)
{
    char type[TYPE_BYTES_MAX + 1];
    memset(type, 'a', sizeof type);
    struct event event = sample();
    event.type = slice_from(type, TYPE_BYTES_MAX);
    cr_assert_eq(validate(&event), ERR_NONE);
    event.type = slice_from(type, TYPE_BYTES_MAX + 1);
    cr_assert_eq(validate(&event), ERR_INVALID_PARAMETER);
    event.type = slice_of("a\ndata: forged");
    cr_assert_eq(validate(&event), ERR_INVALID_PARAMETER);
    event.type = slice_of("\xff");
    cr_assert_eq(validate(&event), ERR_INVALID_PARAMETER);
}

Test(event, priorities)
{
    struct event event = sample();
    event.priority = (enum event_priority)5;
    cr_assert_eq(validate(&event), ERR_INVALID_PARAMETER);
    enum event_priority priority = PRIORITY_LOW;
    for (int i = 0; i <= PRIORITY_BACKGROUND; i++) {
        char digit[2] = {(char)('0' + i), 0};
        cr_assert(event_priority_parse(slice_of(digit), &priority));
        cr_assert_eq((int)priority, i);
        cr_assert(event_priority_parse(slice_of(event_priority_name(priority)), &priority));
        cr_assert_eq((int)priority, i);
    }
    cr_assert_not(event_priority_parse(slice_of("5"), &priority));
    cr_assert_not(event_priority_parse(slice_of("High"), &priority));
    cr_assert_not(event_priority_parse(slice_empty(), &priority));
    cr_assert_str_eq(event_priority_name(PRIORITY_CRITICAL), "critical");
}

Test(event, acknowledgement_levels)
{
    enum ack_level level = ACK_RECEIVED;
    cr_assert(event_ack_level_parse(slice_of("synced"), &level));
    cr_assert_eq(level, ACK_SYNCED);
    cr_assert(event_ack_level_parse(slice_of("written"), &level));
    cr_assert_eq(level, ACK_WRITTEN);
    cr_assert(event_ack_level_parse(slice_of("received"), &level));
    cr_assert_eq(level, ACK_RECEIVED);
    cr_assert_not(event_ack_level_parse(slice_of("sync"), &level));
}

Test(event, data)
{
    uint8_t *data = malloc(EVENT_BYTES_MAX + 1);
    memset(data, 'a', EVENT_BYTES_MAX + 1);
    struct event event = sample();
    event.data = slice_from(data, EVENT_BYTES_MAX);
    cr_assert_eq(validate(&event), ERR_NONE);
    event.data = slice_from(data, EVENT_BYTES_MAX + 1);
    cr_assert_eq(validate(&event), ERR_TOO_LARGE);
    memset(data, '\n', EVENT_BYTES_MAX);
    event.data = slice_from(data, EVENT_BYTES_MAX);
    cr_assert_eq(validate(&event), ERR_TOO_LARGE);
    event.binary = true;
    cr_assert_eq(validate(&event), ERR_NONE);
    event.binary = false;
    // The largest number of lines that is let through fits, and its neighbour does not.
    size_t most = 0;
    for (size_t step = EVENT_BYTES_MAX / 2; step > 0; step /= 2) {
        event.data = slice_from(data, most + step);
        most += event_validate(&event, NULL, 0) == ERR_NONE ? step : 0;
    }
    event.data = slice_from(data, most);
    cr_assert_leq(frame_size_max(&event, FRAME_FORM_TEXT), FRAME_BYTES_MAX);
    event.data = slice_from(data, most + 1);
    cr_assert_gt(frame_size_max(&event, FRAME_FORM_TEXT), FRAME_BYTES_MAX);
    free(data);
    event.data = slice_of("caf\xe9");
    cr_assert_eq(validate(&event), ERR_SERIALIZATION_ERROR);
    cr_assert_not_null(strstr(message, "byte 3"));
    event.binary = true;
    cr_assert_eq(validate(&event), ERR_NONE);
}

Test(event, attributes_there_and_back)
{
    struct attribute attribute;
    bool malformed;
    append(ATTRIBUTE_TAG, "red");
    append(ATTRIBUTE_SOURCE, "");
    append(100, "unknown");
    struct slice rest = buffer_slice(&list);
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.kind, ATTRIBUTE_TAG);
    cr_assert(slice_equal_text(attribute.value, "red"));
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.value.length, 0);
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert(slice_equal_text(attribute.value, "unknown"));
    cr_assert_not(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_not(malformed);
    cr_assert_eq(validate_list(), ERR_NONE);
    struct buffer small;
    buffer_init(&small, 5);
    cr_assert_not(event_attribute_append(&small, ATTRIBUTE_TAG, slice_of("red")));
    buffer_free(&small);
}

Test(event, attributes_malformed)
{
    static const struct {
        uint8_t bytes[8];
        size_t length;
    } bad[] = {
        {{2}, 1},
        {{2, 0, 1}, 3},
        {{2, 0, 1, 0}, 4},
        {{2, 1, 0, 0}, 4},
        {{0, 0, 0, 0}, 4},
        {{2, 0, 0, 0, 3}, 5},
        {{2, 0, 255, 255, 1, 1, 1}, 7},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct event event = sample();
        event.attributes = slice_from(bad[i].bytes, bad[i].length);
        cr_assert_eq(validate(&event), ERR_INVALID_REQUEST, "%zu", i);
    }
}

Test(event, attributes_known)
{
    append(ATTRIBUTE_SOURCE, "a");
    append(ATTRIBUTE_CORRELATION, "b");
    append(ATTRIBUTE_CONTENT_TYPE, "text/plain");
    append(ATTRIBUTE_TOPIC, "other/stream");
    cr_assert(event_attribute_append(&list, ATTRIBUTE_CUSTOM, slice_from("key\0value", 9)));
    cr_assert(event_attribute_append(&list, ATTRIBUTE_CUSTOM, slice_from("key\0", 4)));
    for (int i = 0; i < TAGS_MAX; i++) {
        append(ATTRIBUTE_TAG, "tag");
    }
    cr_assert_eq(validate_list(), ERR_NONE);
    append(ATTRIBUTE_TAG, "one too many");
    cr_assert_eq(validate_list(), ERR_INVALID_PARAMETER);
    cr_assert_not_null(strstr(message, "16 tags"));
}

static void expect_bad(uint8_t kind, const void *value, size_t length, enum rc_error error)
{
    buffer_clear(&list);
    cr_assert(event_attribute_append(&list, kind, slice_from(value, length)));
    cr_assert_eq(validate_list(), error, "kind %u: %s", kind, message);
}

Test(event, attributes_bad)
{
    char longest[ATTRIBUTE_BYTES_MAX + 10];
    memset(longest, 'a', sizeof longest);
    expect_bad(ATTRIBUTE_TYPE, "a", 1, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_RETRY, "abcd", 4, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_PRODUCER, "a", 1, ERR_INVALID_PARAMETER);
    expect_bad(255, "a", 1, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_TAG, "a\nb", 3, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_TAG, "\xff", 1, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_SOURCE, longest, ATTRIBUTE_BYTES_MAX + 1, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_TOPIC, "", 0, ERR_INVALID_NAME);
    expect_bad(ATTRIBUTE_CUSTOM, "no separator", 12, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_CUSTOM, "\0value", 6, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_CUSTOM, "k\ny\0value", 9, ERR_INVALID_PARAMETER);
    expect_bad(ATTRIBUTE_CUSTOM, "key\0val\xff", 8, ERR_INVALID_PARAMETER);
    longest[1] = 0;
    expect_bad(ATTRIBUTE_CUSTOM, longest, ATTRIBUTE_BYTES_MAX + 3, ERR_INVALID_PARAMETER);
    buffer_clear(&list);
    append(ATTRIBUTE_SOURCE, "a");
    append(ATTRIBUTE_SOURCE, "b");
    cr_assert_eq(validate_list(), ERR_INVALID_PARAMETER);
    buffer_clear(&list);
    memset(longest, 'a', sizeof longest);
    while (buffer_length(&list) <= ATTRIBUTES_BYTES_MAX) {
        event_attribute_append(&list, 99, slice_from(longest, sizeof longest));
    }
    cr_assert_eq(validate_list(), ERR_TOO_LARGE);
}
