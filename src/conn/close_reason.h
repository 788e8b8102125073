// Why connections end, and why they are refused, once. CLOSE_REASONS(X) expands X(enumerator,
// name): the name is what metrics and people are told.
#ifndef RINGCAST_CONN_CLOSE_REASON_H
#define RINGCAST_CONN_CLOSE_REASON_H

// clang-format off
#define CLOSE_REASONS(X)                                                                        \
    X(CLIENT,   "client")   /* it went away, or broke off */                                    \
    X(ANSWERED, "answered") /* with an answer behind which nothing comes */                     \
    X(TLS,      "tls")      /* it failed, was not spoken where it has to be, or wore its keys */ \
    X(TIMEOUT,  "timeout")  /* its request, or its next one, did not come in time */            \
    X(LAGGED,   "lagged")   /* beyond its limit, where the policy is to disconnect */           \
    X(STALLED,  "stalled")  /* took nothing for too long */                                     \
    X(EXPIRED,  "expired")  /* its token did */                                                 \
    X(ENDED,    "ended")    /* its streams did */                                               \
    X(LOST,     "lost")     /* what it was due could not be read: it comes back for it */       \
    X(MEMORY,   "memory")   /* there was none */                                                \
    X(PROXY,    "proxy")    /* it had to begin with a PROXY header, and did not */              \
    X(OPERATOR, "operator") /* somebody closed it */                                            \
    X(SHUTDOWN, "shutdown") /* the broker ends */
// clang-format on

enum close_reason {
    CLOSE_NONE, // it goes on
#define X(enumerator, name) CLOSE_##enumerator,
    CLOSE_REASONS(X)
#undef X
};

enum {
#define X(enumerator, name) +1
    CLOSE_REASON_COUNT = 1 CLOSE_REASONS(X)
#undef X
};

// Why a connection is refused before its request is looked at.
// clang-format off
#define CONN_REFUSALS_TABLE(X)                                          \
    X(CONNECTIONS, "connections") /* the broker's limit */              \
    X(ADDRESS,     "address")     /* its address's limit */             \
    X(BUSY,        "busy")        /* no room for one more request */    \
    X(STOPPING,    "stopping")
// clang-format on

enum conn_refusal {
#define X(enumerator, name) REFUSAL_##enumerator,
    CONN_REFUSALS_TABLE(X)
#undef X
        CONN_REFUSALS,
};

// Static memory.
const char *conn_refusal_name(enum conn_refusal refusal);
const char *close_reason_name(enum close_reason reason);

#endif
