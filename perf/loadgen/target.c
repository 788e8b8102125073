#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    CONNECT_SECONDS_MAX = 10,
};

static const char HTTPS[] = "https://";

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family != AF_INET) {
        return false;
    }
    struct sockaddr_in ipv4;
    memcpy(&ipv4, address, sizeof ipv4);
    return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127;
}

// Splits "HOST:PORT", "[::1]:PORT" or "HOST", whose *port stays as it is.
static bool authority_split(const char *authority, char *host, size_t host_size, const char **port)
{
    const char *start = authority;
    const char *rest = NULL;
    size_t length = 0;
    if (*start == '[') {
        start++;
        length = strcspn(start, "]");
        if (start[length] != ']') {
            return false;
        }
        rest = start + length + 1;
    } else {
        length = strcspn(start, ":");
        rest = start + length;
    }
    if (length == 0 || length >= host_size || (*rest != 0 && *rest != ':')) {
        return false;
    }
    memcpy(host, start, length);
    host[length] = 0;
    if (*rest == ':' && rest[1] != 0) {
        *port = rest + 1;
    }
    return true;
}

int target_open(struct target *target, const char *url, const struct options *options, char *error,
                size_t error_size)
{
    memset(target, 0, sizeof *target);
    target->options = options;
    target->protocol = messages_protocol_find(url);
    target->is_secure = strncmp(url, HTTPS, strlen(HTTPS)) == 0;
    const char *scheme = target->protocol != NULL ? target->protocol->scheme
                         : target->is_secure      ? HTTPS
                                                  : "http://";
    const char *port = target->protocol != NULL ? target->protocol->port
                       : target->is_secure      ? "443"
                                                : "80";
    const char *authority = url + strlen(scheme);
    bool is_known = strncmp(url, scheme, strlen(scheme)) == 0;
    size_t length = is_known ? strcspn(authority, "/?#") : 0;
    if (is_known && length < sizeof target->authority) {
        memcpy(target->authority, authority, length);
    }
    if (!is_known || length >= sizeof target->authority ||
        !authority_split(target->authority, target->host, sizeof target->host, &port)) {
        (void)snprintf(error, error_size,
                       "'%s' is no URL of the form http://HOST:PORT/PATH, https://HOST:PORT/PATH, "
                       "redis://HOST:PORT or nats://HOST:PORT",
                       url);
        return -EINVAL;
    }
    const char *path = authority + length;
    target->path = *path == 0 || strcmp(path, "/") == 0 ? TARGET_PATH : path;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(target->host, port, &hints, &found);
    if (result != 0) {
        (void)snprintf(error, error_size, "%s: %s", target->authority, gai_strerror(result));
        return -EINVAL;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_length = found->ai_addrlen;
    target->is_loopback = is_loopback(&target->address);
    freeaddrinfo(found);
    return 0;
}

int target_connect(const struct target *target)
{
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    struct timeval patience = {.tv_sec = CONNECT_SECONDS_MAX};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_length) < 0) {
        int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(fd);
        return -error;
    }
    return fd;
}

void target_stream_name(struct buffer *into, const struct options *options, uint32_t number)
{
    struct template_values values = {.number = number};
    template_expand(into, options->stream, TEMPLATE_TEXT, &values);
}

void target_expand(struct buffer *into, const struct options *options, const char *text,
                   enum template_place place, uint32_t number, struct slice data)
{
    uint8_t bytes[TARGET_NAME_BYTES_MAX];
    struct buffer name;
    buffer_wrap(&name, bytes, sizeof bytes);
    target_stream_name(&name, options, number);
    struct template_values values = {number, buffer_slice(&name), data};
    template_expand(into, text, place, &values);
}

int target_request(struct buffer *into, const struct target *target, uint32_t number,
                   struct slice last_id, const char *query)
{
    if (target->protocol != NULL) {
        uint8_t bytes[TARGET_NAME_BYTES_MAX];
        struct buffer name;
        buffer_wrap(&name, bytes, sizeof bytes);
        target_stream_name(&name, target->options, number);
        return target->protocol->request(into, buffer_slice(&name));
    }
    (void)buffer_append_text(into, "GET ");
    target_expand(into, target->options, target->path, TEMPLATE_URL, number, slice_empty());
    if (query != NULL) {
        bool is_first = strchr(target->path, '?') == NULL;
        (void)buffer_printf(into, "%c%s", is_first ? '?' : '&', query);
    }
    (void)buffer_printf(into,
                        " HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n"
                        "User-Agent: ringcast-bench\r\n",
                        target->authority);
    for (uint32_t i = 0; i < target->options->headers.count; i++) {
        (void)buffer_printf(into, "%s\r\n", target->options->headers.lines[i]);
    }
    if (last_id.length > 0) {
        (void)buffer_printf(into, "Last-Event-ID: " SLICE_FORMAT "\r\n", SLICE_ARGUMENTS(last_id));
    }
    return buffer_append_text(into, "\r\n");
}
