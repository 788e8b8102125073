// Whose a request is, as the proxies that it came by say: X-Forwarded-For, or Forwarded (RFC 7239).
// Each proxy adds, at the end, whom it had the request from; what stands further left may be
// anybody's invention. So it is read from the right, as far as those who are named are trusted
// themselves: the first who is not is the client. What is left of it is not looked at. Any thread.
#ifndef RINGCAST_HTTP_FORWARDED_H
#define RINGCAST_HTTP_FORWARDED_H

#include "base/bytes.h"
#include "base/ip.h"

#include <stdint.h>

enum http_forwarded {
    HTTP_FORWARDED_NOT, // not looked at
    HTTP_FORWARDED_X,   // X-Forwarded-For
    HTTP_FORWARDED_RFC, // Forwarded
};

enum http_client {
    HTTP_CLIENT_UNKNOWN, // the field is empty, or says that it does not say
    HTTP_CLIENT_KNOWN,
    HTTP_CLIENT_MALFORMED,
};

// `form` is not HTTP_FORWARDED_NOT. *client and *port (0: not told) are set with HTTP_CLIENT_KNOWN;
// where all are trusted, the leftmost is the client.
enum http_client http_forwarded_client(enum http_forwarded form, struct slice field,
                                       const struct ip_ranges *trusted, struct ip *client,
                                       uint16_t *port);

#endif
