// Query parameters of what is asked about streams, and of what has none. Each decodes the query in
// place, so once; what it returns lives as long as the request object. Errors as publish_parse.
#ifndef RINGCAST_HTTP_LISTING_H
#define RINGCAST_HTTP_LISTING_H

#include "base/bytes.h"
#include "http/fault.h"
#include "http/request.h"
#include "http/route.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTING_LIMIT_DEFAULT = 1000, LISTING_LIMIT_MAX = 10 * 1000 };

// GET /streams?prefix=TEXT&limit=1..LISTING_LIMIT_MAX&after=NUMBER, the `next` of the page before.
struct listing {
    struct slice prefix; // UTF-8, at most NAME_BYTES_MAX; empty: all
    uint32_t limit;
    uint64_t after; // 0: from the beginning
};
enum rc_error listing_parse(struct listing *listing, struct http_request *request,
                            const struct http_route *route, struct http_fault *fault);

// GET /streams/{name}?view=info&reach=0|1: whether to count its subscribers.
enum rc_error info_parse(bool *wants_reach, struct http_request *request,
                         const struct http_route *route, struct http_fault *fault);

// Of routes without parameters: PUT and DELETE of a stream, POST /streams, a fresh token.
enum rc_error no_parameters_parse(struct http_request *request, const struct http_route *route,
                                  struct http_fault *fault);

#endif
