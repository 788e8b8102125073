// Content negotiation by the Accept field (RFC 9110 sections 12.4.2 and 12.5.1). Any thread.
#ifndef RINGCAST_HTTP_ACCEPT_H
#define RINGCAST_HTTP_ACCEPT_H

#include "base/bytes.h"

// How much the client wants `type/subtype` (such as "text/event-stream"), in thousandths: the
// quality of the most specific range that matches it, 1000 where `accept` is empty, 0 where it is
// not acceptable. Elements that are no media range are passed over.
unsigned http_accept_quality(struct slice accept, const char *media_type);

#endif
