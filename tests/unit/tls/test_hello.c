#include "tls/hello.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { HELLO = 1, KEY_EXCHANGE = 16, CHANGE_CIPHER = 20, HANDSHAKE = 22, DATA = 23 };

static struct buffer bytes;

static void setup(void)
{
    buffer_init(&bytes, 1 << 20);
}

static void teardown(void)
{
    buffer_free(&bytes);
}

TestSuite(hello, .init = setup, .fini = teardown);

static void add_record(uint8_t type, struct slice content)
{
    const uint8_t header[] = {type, 3, 1, (uint8_t)(content.length >> 8), (uint8_t)content.length};
    cr_assert_eq(buffer_append(&bytes, header, sizeof(header)), 0);
    cr_assert_eq(buffer_append_slice(&bytes, content), 0);
}

// A message of so many bytes, of which the records have as many as are there.
static void add_message(uint8_t type, size_t claimed, size_t there, size_t each_record)
{
    uint8_t *message = calloc(1, 4 + there);
    message[0] = type;
    message[1] = (uint8_t)(claimed >> 16);
    message[2] = (uint8_t)(claimed >> 8);
    message[3] = (uint8_t)claimed;
    struct slice rest = slice_from(message, 4 + there);
    while (rest.length > 0) {
        size_t length = rest.length < each_record ? rest.length : each_record;
        add_record(HANDSHAKE, slice_first(rest, length));
        rest = slice_after(rest, length);
    }
    free(message);
}

static bool look(size_t piece, bool is_tls13)
{
    struct tls_hello hello = {0};
    struct slice rest = buffer_slice(&bytes);
    while (rest.length > 0) {
        size_t length = rest.length < piece ? rest.length : piece;
        if (!tls_hello_look(&hello, slice_first(rest, length), is_tls13)) {
            return false;
        }
        rest = slice_after(rest, length);
    }
    return true;
}

static bool is_good(void)
{
    bool is_whole = look(SIZE_MAX, true);
    cr_assert_eq(look(1, true), is_whole);
    cr_assert_eq(look(3, true), is_whole);
    return is_whole;
}

Test(hello, is_taken_up_to_its_bound)
{
    static const size_t sizes[] = {0, 1, 200, 2000, TLS_HELLO_BYTES_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        static const size_t records[] = {1, 3, 4, 5, 1000, 16384};
        for (size_t k = 0; k < sizeof(records) / sizeof(records[0]); k++) {
            buffer_clear(&bytes);
            add_message(HELLO, sizes[i], sizes[i], records[k]);
            cr_assert(is_good(), "%zu in records of %zu", sizes[i], records[k]);
        }
    }
}

Test(hello, that_is_longer_is_refused_by_its_header)
{
    static const size_t records[] = {1, 3, 4, 1000};
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        buffer_clear(&bytes);
        add_message(HELLO, TLS_HELLO_BYTES_MAX + 1, 0, records[i]);
        cr_assert_not(is_good());
    }
}

Test(hello, may_come_again_after_other_records)
{
    add_message(HELLO, 300, 300, 100);
    add_record(HANDSHAKE, slice_empty());
    add_record(CHANGE_CIPHER, slice_of("\1"));
    add_record(DATA, slice_of("\1\xff\xff\xff")); // early data, which is passed over
    cr_assert(is_good());
    add_message(HELLO, 1 << 17, 10, 1000);
    cr_assert_not(is_good());
}

Test(hello, is_not_looked_for_in_what_is_sealed)
{
    add_message(HELLO, 300, 300, 100);
    add_message(KEY_EXCHANGE, 1 << 17, 60, 100);
    cr_assert(is_good());
    buffer_clear(&bytes);
    add_message(HELLO, 300, 300, 100);
    add_record(CHANGE_CIPHER, slice_of("\1"));
    add_record(HANDSHAKE, slice_of("\1\xff\xff\xff\xff"));
    cr_assert(look(1, false));
    cr_assert(look(SIZE_MAX, false));
    cr_assert_not(is_good());
}

Test(hello, of_ssl_2_is_none_of_these)
{
    cr_assert_eq(buffer_append(&bytes, "\x80\x2e\1\3\1\x16\3\1\xff\xff\1\xff\xff\xff", 14), 0);
    cr_assert(is_good());
}
