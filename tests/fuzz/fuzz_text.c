// The small parsers of src/base on any text: numbers, sizes, durations, times, percent-encoding,
// query strings and UTF-8. What they accept must survive being written again.
// layer: base
#include "base/assert.h"
#include "base/percent.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(struct slice text)
{
    uint64_t value;
    uint64_t again;
    if (text_parse_u64(text, &value)) {
        char digits[TEXT_U64_BYTES_MAX];
        struct slice written = slice_from(digits, text_format_u64(value, digits));
        ASSERT(text_parse_u64(written, &again) && again == value);
        ASSERT(text_parse_size(text, &again) && again == value);
    }
    if (text_parse_rfc3339(text, &value)) {
        char time[TEXT_RFC3339_BYTES];
        struct slice written = slice_from(time, text_format_rfc3339(value, time));
        bool is_within_format = value < UINT64_C(253402300800000);
        ASSERT(!is_within_format || (text_parse_rfc3339(written, &again) && again == value));
    }
    text_parse_duration(text, &value);
    if (text_parse_thousandths(text, &value)) {
        char written[TEXT_U64_BYTES_MAX + sizeof(".000")];
        int length = snprintf(written, sizeof(written), "%llu.%03llu",
                              (unsigned long long)(value / 1000), (unsigned long long)value % 1000);
        ASSERT(text_parse_thousandths(slice_from(written, (size_t)length), &again));
        ASSERT(again == value);
    }
    static const char *const names[] = {"listen", "data-dir", "log"};
    text_nearest(text, names, 3);
}

static void check_percent(struct slice text, uint8_t *scratch)
{
    struct buffer buffer;
    buffer_init(&buffer, SIZE_MAX / 2);
    ASSERT(percent_encode(&buffer, text, "/") == 0);
    ssize_t length =
        percent_decode(scratch, text.length, buffer_slice(&buffer), PERCENT_QUERY, NULL);
    ASSERT(length >= 0 && slice_equal(slice_from(scratch, (size_t)length), text));
    buffer_free(&buffer);
    size_t fault = 0;
    length = percent_decode(scratch, text.length, text, PERCENT_PATH, &fault);
    ASSERT(length >= 0 || (length == -EINVAL && text.at[fault] == '%'));
}

static void check_query(struct slice text, uint8_t *scratch)
{
    struct query query;
    struct slice name;
    struct slice value;
    size_t decoded = 0;
    int result;
    query_begin(&query, text, scratch);
    while ((result = query_next(&query, &name, &value)) == 1) {
        decoded += name.length + value.length;
        ASSERT(decoded <= text.length);
    }
    ASSERT(result == 0 || text.at[query.fault_position] == '%');
}

static void check_utf8(struct slice text)
{
    size_t valid = utf8_valid_length(text);
    size_t walked = 0;
    while (walked < text.length) {
        size_t length = utf8_character_length(slice_after(text, walked));
        if (length == 0) {
            break;
        }
        walked += length;
    }
    ASSERT(walked == valid);
    utf8_has_control(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(data, size);
    uint8_t *scratch = malloc(size + 1);
    ASSERT(scratch != NULL);
    check_numbers(text);
    check_percent(text, scratch);
    check_query(text, scratch);
    check_utf8(text);
    free(scratch);
    return 0;
}
