#include "conn/proxy_header.h"

#include <string.h>
#include <sys/socket.h>

enum {
    SIGNATURE_BYTES = 12,
    AT_VERSION = SIGNATURE_BYTES,
    AT_TRANSPORT,
    AT_LENGTH,
    VERSION = 2,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_NONE = 0,
    FAMILY_IPV4 = 1,
    FAMILY_IPV6 = 2,
    FAMILY_UNIX = 3,
    KIND_MAX = 2,
};

static const uint8_t signature[SIGNATURE_BYTES] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                   0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static unsigned family_of(const struct proxy_header *header)
{
    return header->transport >> 4;
}

// Bytes of both addresses and ports.
static uint16_t addresses_bytes(const struct proxy_header *header)
{
    switch (family_of(header)) {
    case FAMILY_IPV4: return 2 * (4 + 2);
    case FAMILY_IPV6: return 2 * (16 + 2);
    case FAMILY_UNIX: return 2 * 108;
    default: return 0;
    }
}

// A byte of the start. False: it does not belong there.
static bool take_start(struct proxy_header *header, uint8_t byte)
{
    switch (header->at) {
    case AT_VERSION:
        header->command = byte & 0xf;
        return byte >> 4 == VERSION && header->command <= COMMAND_PROXY;
    case AT_TRANSPORT:
        header->transport = byte;
        return byte >> 4 <= FAMILY_UNIX && (byte & 0xf) <= KIND_MAX;
    case AT_LENGTH: header->length = (uint16_t)(byte << 8); return true;
    case AT_LENGTH + 1:
        header->length |= byte;
        return header->length <= PROXY_HEADER_BYTES_MAX &&
               (header->command == COMMAND_LOCAL || header->length >= addresses_bytes(header));
    default: return byte == signature[header->at];
    }
}

static void take_address(struct proxy_header *header, uint8_t byte)
{
    int family = proxy_header_family(header);
    if (family == 0) {
        return;
    }
    uint16_t size = family == AF_INET ? 4 : 16;
    uint16_t place = (uint16_t)(header->at - PROXY_HEADER_START_BYTES);
    if (place < size) {
        header->address[place] = byte;
    } else if (place == 2 * size || place == 2 * size + 1) {
        header->port = (uint16_t)(header->port << 8 | byte);
    }
}

enum proxy_progress proxy_header_feed(struct proxy_header *header, struct slice bytes,
                                      size_t *consumed)
{
    for (size_t i = 0; i < bytes.length; i++) {
        uint8_t byte = bytes.at[i];
        if (header->at >= PROXY_HEADER_START_BYTES) {
            take_address(header, byte);
        } else if (!take_start(header, byte)) {
            return header->at == 0 && byte == 'P' ? PROXY_VERSION_1 : PROXY_FAILED;
        }
        header->at++;
        if (header->at >= PROXY_HEADER_START_BYTES &&
            header->at - PROXY_HEADER_START_BYTES == header->length) {
            *consumed = i + 1;
            return PROXY_DONE;
        }
    }
    *consumed = bytes.length;
    return PROXY_NEED_MORE;
}

bool proxy_header_is_local(const struct proxy_header *header)
{
    return header->command == COMMAND_LOCAL || family_of(header) == FAMILY_NONE;
}

int proxy_header_family(const struct proxy_header *header)
{
    if (proxy_header_is_local(header)) {
        return 0;
    }
    unsigned family = family_of(header);
    return family == FAMILY_IPV4 ? AF_INET : family == FAMILY_IPV6 ? AF_INET6 : 0;
}
