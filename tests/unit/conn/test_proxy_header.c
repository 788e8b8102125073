#include "conn/proxy_header.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

enum { MOST = PROXY_HEADER_START_BYTES + PROXY_HEADER_BYTES_MAX };
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4      "\xc0\x00\x02\x07\x0a\x00\x00\x01\x12\x34\x01\xbb"

static uint8_t bytes[MOST + 64];
static size_t length;
static struct proxy_header header;

// A header with `content` behind its start and zeroes up to `total`; then a request begins.
static void make(uint8_t command, uint8_t transport, const char *content, size_t content_length,
                 uint16_t total)
{
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, SIGNATURE, 12);
    bytes[12] = command;
    bytes[13] = transport;
    bytes[14] = (uint8_t)(total >> 8);
    bytes[15] = (uint8_t)total;
    memcpy(bytes + 16, content, content_length);
    length = PROXY_HEADER_START_BYTES + total;
    memcpy(bytes + length, "GET", 3);
}

// All at once, with what follows, and in pieces of `piece` bytes.
static enum proxy_progress feed(size_t piece)
{
    header = (struct proxy_header){.at = 0};
    size_t given = 0;
    while (given < length + 3) {
        size_t count = piece < length + 3 - given ? piece : length + 3 - given;
        size_t consumed = SIZE_MAX;
        enum proxy_progress progress =
            proxy_header_feed(&header, slice_from(bytes + given, count), &consumed);
        if (progress == PROXY_DONE) {
            cr_assert_eq(given + consumed, length);
        }
        if (progress != PROXY_NEED_MORE) {
            return progress;
        }
        cr_assert_eq(consumed, count);
        given += count;
    }
    return PROXY_NEED_MORE;
}

static void expect_all(enum proxy_progress expected, int family)
{
    static const size_t pieces[] = {1, 2, 7, 16, 17, sizeof(bytes)};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        cr_assert_eq(feed(pieces[i]), expected, "in pieces of %zu", pieces[i]);
        cr_assert(expected != PROXY_DONE || proxy_header_family(&header) == family);
    }
}

Test(proxy_header, ipv4)
{
    make(0x21, 0x11, IPV4, 12, 12);
    expect_all(PROXY_DONE, AF_INET);
    cr_expect_arr_eq(header.address, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    cr_expect_eq(header.port, 0x1234);
    make(0x21, 0x11, IPV4, 12, PROXY_HEADER_BYTES_MAX); // with TLVs
    expect_all(PROXY_DONE, AF_INET);
    cr_expect_eq(header.port, 0x1234);
    make(0x21, 0x12, IPV4, 12, 12); // a datagram's: the address counts
    expect_all(PROXY_DONE, AF_INET);
}

Test(proxy_header, ipv6)
{
    char content[36];
    for (size_t i = 0; i < sizeof(content); i++) {
        content[i] = (char)(i + 1);
    }
    make(0x21, 0x21, content, sizeof(content), sizeof(content) + 5);
    expect_all(PROXY_DONE, AF_INET6);
    cr_expect_arr_eq(header.address, content, 16);
    cr_expect_eq(header.port, (33 << 8) + 34);
}

Test(proxy_header, without_an_address)
{
    make(0x20, 0x00, "", 0, 0); // LOCAL
    expect_all(PROXY_DONE, 0);
    cr_expect(proxy_header_is_local(&header));
    make(0x20, 0x11, IPV4, 12, 12); // what it says is not looked at
    expect_all(PROXY_DONE, 0);
    cr_expect(proxy_header_is_local(&header));
    make(0x20, 0x11, "", 0, 0);
    expect_all(PROXY_DONE, 0);
    make(0x21, 0x00, "abc", 3, 3); // UNSPEC
    expect_all(PROXY_DONE, 0);
    cr_expect(proxy_header_is_local(&header));
    make(0x21, 0x31, "/path", 5, 216); // UNIX
    expect_all(PROXY_DONE, 0);
    cr_expect(!proxy_header_is_local(&header));
}

Test(proxy_header, what_is_none)
{
    make(0x21, 0x11, IPV4, 12, 11); // too short for its addresses
    expect_all(PROXY_FAILED, 0);
    make(0x21, 0x21, IPV4, 12, 35);
    expect_all(PROXY_FAILED, 0);
    make(0x21, 0x31, "", 0, 215);
    expect_all(PROXY_FAILED, 0);
    make(0x21, 0x11, IPV4, 12, PROXY_HEADER_BYTES_MAX);
    bytes[14]++;
    expect_all(PROXY_FAILED, 0);
    static const uint8_t versions[] = {0x01, 0x11, 0x31, 0x22, 0x2f};
    for (size_t i = 0; i < sizeof(versions); i++) {
        make(versions[i], 0x11, IPV4, 12, 12);
        expect_all(PROXY_FAILED, 0);
    }
    static const uint8_t transports[] = {0x13, 0x41, 0xf1};
    for (size_t i = 0; i < sizeof(transports); i++) {
        make(0x21, transports[i], IPV4, 12, 12);
        expect_all(PROXY_FAILED, 0);
    }
    for (size_t at = 0; at < 12; at++) { // each byte of the signature
        make(0x21, 0x11, IPV4, 12, 12);
        bytes[at] ^= 1;
        expect_all(PROXY_FAILED, 0);
    }
}

Test(proxy_header, the_old_version)
{
    static const char old[] = "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n";
    size_t consumed = 0;
    cr_assert_eq(proxy_header_feed(&header, slice_of(old), &consumed), PROXY_VERSION_1);
    header = (struct proxy_header){.at = 0};
    cr_assert_eq(proxy_header_feed(&header, slice_of("GET / HTTP/1.1\r\n"), &consumed),
                 PROXY_FAILED);
}
