#include "conn/client_key.h"

#include "base/hash.h"

#include <netinet/in.h>
#include <string.h>

enum {
    PREFIX_BYTES = 8, // of IPv6
    MAPPED_BYTES = 12,
    TAG_SHIFT = 40, // tables keep the upper bits as a tag (client_counts.c, flow/rate_table.c)
};
// So that a subject that looks like an address is not taken for it.
#define SUBJECT_SEED UINT64_C(0x9e3779b97f4a7c15)

// No key is 0, and no tag: that is what a place holds that was never used.
static uint64_t with_tag(uint64_t key)
{
    return key >> TAG_SHIFT == 0 ? key | UINT64_C(1) << TAG_SHIFT : key;
}

uint64_t client_key_of_address(uint64_t seed, int family, const uint8_t address[16])
{
    static const uint8_t mapped[MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t length = PREFIX_BYTES;
    if (family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
        address += sizeof(mapped);
        family = AF_INET;
    }
    if (family == AF_INET) {
        length = sizeof(struct in_addr);
    } else if (family != AF_INET6) {
        return 0;
    }
    return with_tag(hash_bytes(seed, address, length));
}

uint64_t client_key_of_subject(uint64_t seed, struct slice subject)
{
    if (subject.length == 0) {
        return 0;
    }
    return with_tag(hash_bytes(seed ^ SUBJECT_SEED, subject.at, subject.length));
}
