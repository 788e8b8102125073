// What happens to a subscriber that lags beyond its limit (mission C2): the words, as requests,
// settings and producers say them, and their numbers, as the log keeps them. What they do is in
// flow/overflow.h.
#ifndef RINGCAST_EVENT_OVERFLOW_POLICY_H
#define RINGCAST_EVENT_OVERFLOW_POLICY_H

#include "base/bytes.h"

#include <stdbool.h>

// Stored: never change a number.
enum overflow_policy {
    OVERFLOW_UNSET = 0, // not said: the next one who may say so decides
    OVERFLOW_DROP_OLDEST = 1,
    OVERFLOW_DROP_NEWEST = 2,
    OVERFLOW_DROP_LOWEST = 3, // by priority: background first, critical never
    OVERFLOW_DISCONNECT = 4,
    OVERFLOW_BLOCK = 5, // the stream's producers are held back instead
    OVERFLOW_POLICIES = 6,
};

// "drop_oldest", ...; "unset" for OVERFLOW_UNSET. Static memory.
const char *overflow_policy_name(enum overflow_policy policy);
// False when the text is none of the names (or "unset").
bool overflow_policy_parse(struct slice text, enum overflow_policy *policy);

#endif
