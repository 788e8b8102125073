// Rules that adapt a connection's quality to its link (mission E4). In text, several separated by
// semicolons:
//
//     latency > 200ms: compression on, priority 20
//     throughput < 1Mbit/s and client = mobile: batch_size larger
//
//     rule       CONDITION {and CONDITION} : ACTION {, ACTION}
//     condition  latency|jitter      <|<=|>|>=  200ms
//                loss                           2.5%
//                throughput                     64kbit/s, 1.5Mbit/s, 1Gbit/s
//                score                          0.3
//                event_rate                     20/s     events in the connection's streams
//                client              =|!=       mobile, web, desktop, api, default or none
//     action     what a request may say (http/subscribe_setting.h): events_per_second 10,
//                bytes_per_second 64KiB, burst 20, max_event_size 8KiB, batching on,
//                batch_size 50, batch_timeout 500ms, compression on; further
//                batch_size larger|smaller     twice or half of what it would be
//                quality mobile                all that this profile says
//                caching on|off                shown; ringcast's caches are everybody's
//                priority 20                   of the rule: where rules disagree the lowest
//                                              number wins, then the first; 100 if not said
//
// A condition on what is not known does not hold. A throughput that is but a lower bound (see
// link.h) holds against > and >= alone. A size or time of batches turns batching on. What the
// subscriber itself asked for stays. Pure. Any thread; a struct rules is not changed while it is
// read.
#ifndef RINGCAST_FLOW_RULES_H
#define RINGCAST_FLOW_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "flow/link.h"
#include "flow/quality.h"

enum {
    RULES_MAX = 32, // one 32-bit word says which hold
    RULE_CONDITIONS_MAX = 4,
    RULES_MESSAGE_SIZE = 192,
};

enum rule_metric {
    RULE_LATENCY,    // microseconds
    RULE_JITTER,     // microseconds
    RULE_LOSS,       // of LINK_ONE
    RULE_THROUGHPUT, // bytes a second
    RULE_SCORE,      // of LINK_ONE
    RULE_EVENT_RATE, // thousandths of an event a second
    RULE_CLIENT,     // enum subscribe_client
    RULE_METRICS,
};

enum rule_comparison {
    RULE_BELOW,
    RULE_AT_MOST,
    RULE_ABOVE,
    RULE_AT_LEAST,
    RULE_IS,
    RULE_IS_NOT,
};

struct rule_condition {
    enum rule_metric metric;
    enum rule_comparison comparison;
    uint32_t value;
};

// Sizes of batches that depend on what was chosen; no size is so large.
enum { RULE_BATCH_LARGER = 1 << 30, RULE_BATCH_SMALLER };

enum rule_caching { RULE_CACHING_UNSAID, RULE_CACHING_OFF, RULE_CACHING_ON };

struct rule {
    struct slice text; // as it was given, borrowed
    uint32_t priority;
    uint32_t condition_count;
    struct rule_condition conditions[RULE_CONDITIONS_MAX];
    uint32_t sets; // a bit for each enum subscribe_setting
    uint32_t values[SUBSCRIBE_SETTINGS];
    enum subscribe_client profile; // SUBSCRIBE_CLIENT_NONE: not said
    enum rule_caching caching;
};

// In the order in which they win. Zeroed memory has none.
struct rules {
    uint32_t count;
    struct rule list[RULES_MAX];
};

struct rules_fault {
    size_t position; // in the text, of what is wrong
    char message[RULES_MESSAGE_SIZE];
};

// Adds the rules of this text, which must outlive them. False, with nothing added, and *fault.
bool rules_add(struct rules *rules, struct slice text, struct rules_fault *fault);

// What holds where nothing is said.
#define RULES_DEFAULT                                                          \
    "score < 0.3: events_per_second 10, max_event_size 8KiB, compression on, " \
    "batch_size 50, batch_timeout 500ms, priority 10; "                        \
    "throughput < 1Mbit/s: batch_size 20, priority 20; "                       \
    "latency > 200ms: compression on, priority 30"

// What conditions speak of.
struct rule_subject {
    const struct link *link;
    uint32_t event_rate; // in thousandths of an event a second; RULE_RATE_UNKNOWN
    enum subscribe_client client;
};
#define RULE_RATE_UNKNOWN UINT32_MAX

// Bit n: the conditions of list[n] hold.
uint32_t rules_match(const struct rules *rules, const struct rule_subject *subject);

// What becomes of `chosen` with those that match. With `may_hold` false nothing is changed that
// could hold an event back or replace it: compression alone.
void rules_apply(const struct rules *rules, uint32_t matched, bool may_hold,
                 const struct quality *chosen, const struct quality_policy *policy,
                 struct quality *quality);
enum rule_caching rules_caching(const struct rules *rules, uint32_t matched);

#endif
