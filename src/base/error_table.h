// Every error that a client or producer can be told of, once (mission G5 and what HTTP needs).
// ERROR_TABLE(X) expands X(number, enumerator, code, http_status, text) for each of them.
//
// - number travels in the binary producer protocol: never change or reuse one, only append.
// - code is the stable string in JSON answers and problem+json; it does not change either.
// - text is the default sentence for people; callers may say more.
#ifndef RINGCAST_BASE_ERROR_TABLE_H
#define RINGCAST_BASE_ERROR_TABLE_H

// clang-format off
#define ERROR_TABLE(X)                                                                             \
    X( 0, NONE,                  "none",                  200, "No error")                         \
    X( 1, STREAM_NOT_FOUND,      "stream_not_found",      404, "There is no such stream")          \
    X( 2, STREAM_CLOSED,         "stream_closed",         409, "The stream takes no more events")  \
    X( 3, CONNECTION_NOT_FOUND,  "connection_not_found",  404, "There is no such connection")      \
    X( 4, CONNECTION_CLOSED,     "connection_closed",     410, "The connection is closed")         \
    X( 5, BUFFER_OVERFLOW,       "buffer_overflow",       503, "A buffer is full")                 \
    X( 6, BACKPRESSURE_EXCEEDED, "backpressure_exceeded", 429,                                     \
      "The broker stayed busy for longer than the publisher may wait")                             \
    X( 7, CONNECTION_ERROR,      "connection_error",      502, "The connection failed")            \
    X( 8, LOG_ERROR,             "log_error",             503,                                     \
      "The log could not be written or read")                                                      \
    X( 9, SERIALIZATION_ERROR,   "serialization_error",   400, "The data could not be decoded")    \
    X(10, INVALID_RESUME_TOKEN,  "invalid_resume_token",  400, "The resume token is not valid")    \
    X(11, UNAUTHORIZED,          "unauthorized",          401, "Authentication is required")       \
    X(12, FORBIDDEN,             "forbidden",             403, "This is not allowed")              \
    X(13, TOO_LARGE,             "too_large",             413, "The event or body is too large")   \
    X(14, RATE_LIMITED,          "rate_limited",          429, "Too many requests")                \
    X(15, INVALID_REQUEST,       "invalid_request",       400, "The request is malformed")         \
    X(16, INVALID_NAME,          "invalid_name",          400,                                     \
      "A name must be 1 to 255 bytes of UTF-8 without control characters")                         \
    X(17, INVALID_PARAMETER,     "invalid_parameter",     400, "A parameter has an invalid value") \
    X(18, MISSING_PARAMETER,     "missing_parameter",     400, "A required parameter is missing")  \
    X(19, NOT_FOUND,             "not_found",             404, "There is nothing at this address") \
    X(20, METHOD_NOT_ALLOWED,    "method_not_allowed",    405, "The method is not allowed here")   \
    X(21, NOT_ACCEPTABLE,        "not_acceptable",        406,                                     \
      "No representation that the client accepts exists")                                          \
    X(22, REQUEST_TIMEOUT,       "request_timeout",       408,                                     \
      "The request took too long to arrive")                                                       \
    X(23, URI_TOO_LONG,          "uri_too_long",          414, "The request target is too long")   \
    X(24, HEADER_TOO_LARGE,      "header_too_large",      431, "The request header is too large")  \
    X(25, TOO_MANY_CONNECTIONS,  "too_many_connections",  503,                                     \
      "The limit of connections is reached")                                                       \
    X(26, TOO_MANY_STREAMS,      "too_many_streams",      503, "The limit of streams is reached")  \
    X(27, STALE_EPOCH,           "stale_epoch",           409,                                     \
      "A newer instance of this producer has taken over")                                          \
    X(28, UNSUPPORTED_VERSION,   "unsupported_version",   400,                                     \
      "This protocol version is not supported")                                                    \
    X(29, SHUTTING_DOWN,         "shutting_down",         503, "The broker is shutting down")      \
    X(30, INTERNAL,              "internal",              500,                                     \
      "Something went wrong inside the broker")                                                    \
    X(31, OVERLOADED,            "overloaded",            503, "The broker is short of memory")
// clang-format on

#endif
