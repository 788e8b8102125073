// Whom limits are about, as a number: a client's address, or the subject of its token. A keyed hash
// of 64 bits, so that two count as one with a chance of about one in 10^12, and nobody can choose
// names that do. The seed is the broker's, drawn at start. Any thread.
#ifndef RINGCAST_CONN_CLIENT_KEY_H
#define RINGCAST_CONN_CLIENT_KEY_H

#include "base/bytes.h"

#include <stdint.h>

// AF_INET with its 4 bytes; AF_INET6, of which the first 64 bits count, since that is what one
// client is given, or all where it holds an IPv4 address. 0 for other families: such are not
// limited.
uint64_t client_key_of_address(uint64_t seed, int family, const uint8_t address[16]);

// 0 for the empty subject: a token without one.
uint64_t client_key_of_subject(uint64_t seed, struct slice subject);

#endif
