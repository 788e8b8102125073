#include "wire/notice.h"

#include "base/json.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct buffer out;
static char storage[8 << 10];

static void begin(void)
{
    buffer_wrap(&out, storage, sizeof(storage));
}

static void expect_text(const char *text)
{
    struct slice written = buffer_slice(&out);
    cr_expect(slice_equal_text(written, text), SLICE_FORMAT "\n--- is not ---\n%s",
              SLICE_ARGUMENTS(written), text);
}

TestSuite(notice, .init = begin);

Test(notice, gap)
{
    struct notice_gap gap = {.from = 7, .to = 9, .reason = NOTICE_LAGGED};
    cr_expect_eq(notice_gap_write(&out, &gap), 0);
    expect_text("event: gap\ndata: {\"from\":7,\"to\":9,\"reason\":\"lagged\"}\n\n");
}

Test(notice, gap_of_streams_with_the_position_reached)
{
    struct slice streams[] = {SLICE_LITERAL("chat/42"), SLICE_LITERAL("a\"b")};
    struct notice_gap gap = {.from = 7,
                             .to = 9,
                             .reason = NOTICE_EXPIRED,
                             .resume = 12,
                             .streams = streams,
                             .stream_count = 2};
    cr_expect_eq(notice_gap_write(&out, &gap), 0);
    expect_text("id: 12\nevent: gap\ndata: {\"from\":7,\"to\":9,\"reason\":\"expired\","
                "\"streams\":[\"chat/42\",\"a\\\"b\"],\"resume\":12}\n\n");
}

Test(notice, gap_with_the_number_of_events)
{
    struct notice_gap gap = {.from = 7, .to = 9, .count = 2, .reason = NOTICE_LAGGED, .resume = 6};
    cr_expect_eq(notice_gap_write(&out, &gap), 0);
    expect_text("id: 6\nevent: gap\ndata: {\"from\":7,\"to\":9,\"count\":2,"
                "\"reason\":\"lagged\",\"resume\":6}\n\n");
}

Test(notice, disconnect)
{
    cr_expect_eq(notice_disconnect_write(&out, NOTICE_LAGGED, 5000), 0);
    expect_text("retry: 5000\nevent: disconnect\ndata: {\"reason\":\"lagged\"}\n\n");
}

Test(notice, reasons)
{
    static const char *const names[] = {"expired", "lagged", "unknown", "ahead",
                                        "corrupt", "lapped", "shed",    "token_expired"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_expect_str_eq(notice_reason_name((enum notice_reason)i), names[i]);
    }
}

Test(notice, oversize)
{
    struct notice_oversize oversize = {.id = 1042,
                                       .stream = SLICE_LITERAL("chat/42"),
                                       .type = SLICE_LITERAL("text"),
                                       .size = 70000,
                                       .limit = 65536};
    cr_expect_eq(notice_oversize_write(&out, &oversize), 0);
    expect_text("id: 1042\nevent: oversize\ndata: {\"stream\":\"chat/42\",\"id\":1042,"
                "\"type\":\"text\",\"size\":70000,\"limit\":65536}\n\n");
}

Test(notice, the_longest_oversize_fits)
{
    char name[NAME_BYTES_MAX];
    memset(name, 1, sizeof(name)); // each is escaped to six bytes
    struct notice_oversize oversize = {.id = UINT64_MAX,
                                       .stream = slice_from(name, sizeof(name)),
                                       .type = slice_from(name, sizeof(name)),
                                       .size = UINT64_MAX,
                                       .limit = UINT64_MAX};
    cr_expect_eq(notice_oversize_write(&out, &oversize), 0);
    cr_expect_leq(buffer_length(&out), NOTICE_OVERSIZE_BYTES_MAX);
    begin();
    oversize.type = slice_empty();
    oversize.stream = slice_of("a");
    cr_expect_eq(notice_oversize_write(&out, &oversize), 0);
    cr_expect_null(memmem(storage, buffer_length(&out), "type", 4), "none is told of");
}

Test(notice, heartbeat)
{
    cr_expect_eq(notice_heartbeat_write(&out, 1700000000000, slice_of("00000000000000ff")), 0);
    expect_text("event: heartbeat\n"
                "data: {\"timestamp\":1700000000000,\"connection_id\":\"00000000000000ff\"}\n\n");
}

Test(notice, end)
{
    cr_expect_eq(notice_end_write(&out, 9, slice_of("a\"b"), STREAM_CLOSED), 0);
    expect_text("id: 9\nevent: end\ndata: {\"stream\":\"a\\\"b\",\"reason\":\"closed\"}\n\n");
}

Test(notice, ends_differ)
{
    cr_expect_eq(notice_end_write(&out, 1, slice_of("a"), STREAM_CANCELLED), 0);
    cr_expect_eq(notice_end_write(&out, 2, slice_of("a"), STREAM_DELETED), 0);
    expect_text("id: 1\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"cancelled\"}\n\n"
                "id: 2\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"deleted\"}\n\n");
}

Test(notice, the_longest_end_fits)
{
    char bytes[NOTICE_END_BYTES_MAX];
    char name[NAME_BYTES_MAX];
    memset(name, '"', sizeof(name));
    struct buffer small;
    buffer_wrap(&small, bytes, sizeof(bytes));
    cr_expect_eq(
        notice_end_write(&small, UINT64_MAX, slice_from(name, sizeof(name)), STREAM_CANCELLED), 0);
}

Test(notice, comment_start_goodbye)
{
    cr_expect_eq(notice_comment_write(&out), 0);
    cr_expect_eq(notice_start_write(&out, UINT64_MAX, 5000), 0);
    cr_expect_eq(notice_goodbye_write(&out, UINT32_MAX), 0);
    expect_text(
        ":\n\nid: 18446744073709551615\nretry: 5000\n\nretry: 4294967295\n: going away\n\n");
}

Test(notice, keep_to_their_bounds)
{
    char bytes[NOTICE_GAP_BYTES_MAX];
    struct buffer small;
    struct notice_gap gap = {.from = UINT64_MAX,
                             .to = UINT64_MAX,
                             .count = UINT64_MAX,
                             .reason = NOTICE_EXPIRED,
                             .resume = UINT64_MAX};
    buffer_wrap(&small, bytes, NOTICE_GAP_BYTES_MAX);
    cr_expect_eq(notice_gap_write(&small, &gap), 0);
    buffer_wrap(&small, bytes, NOTICE_HEARTBEAT_BYTES_MAX);
    char id[64];
    memset(id, 'f', sizeof(id));
    cr_expect_eq(notice_heartbeat_write(&small, UINT64_MAX, slice_from(id, sizeof(id))), 0);
    buffer_wrap(&small, bytes, NOTICE_GOODBYE_BYTES_MAX);
    cr_expect_eq(notice_goodbye_write(&small, UINT32_MAX), 0);
    buffer_wrap(&small, bytes, NOTICE_DISCONNECT_BYTES_MAX);
    cr_expect_eq(notice_disconnect_write(&small, NOTICE_TOKEN_EXPIRED, UINT32_MAX), 0);
    buffer_wrap(&small, bytes, NOTICE_START_BYTES_MAX);
    cr_expect_eq(notice_start_write(&small, UINT64_MAX, UINT32_MAX), 0);
    buffer_wrap(&small, bytes, 8);
    cr_expect_eq(notice_gap_write(&small, &gap), -ENOBUFS);
}
