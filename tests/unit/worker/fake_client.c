// Clients of the worker, and running the log meanwhile.
#include "fake_log.h"

#include "base/clock.h"
#include "io/listen.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void fake_run(uint64_t for_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + for_ms;
    do {
        fake_round(1000 * 1000);
    } while (clock_monotonic_ms() < end_ms);
}

int fake_connect(const char *request, int receive_buffer_bytes)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(client, 0);
    if (receive_buffer_bytes > 0) {
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof(receive_buffer_bytes));
    }
    struct listen_address address;
    char error[LISTEN_ERROR_SIZE];
    cr_assert_eq(listen_address_parse(&address, "127.0.0.1:0", error, sizeof(error)), 0);
    listen_address_set_port(&address, fake_port());
    cr_assert_eq(connect(client, (struct sockaddr *)&address.storage, address.length), 0);
    cr_assert_eq(send(client, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return client;
}

int fake_get(const char *target, const char *fields)
{
    char request[2048];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, fields);
    return fake_connect(request, 0);
}

void fake_expect(int client, struct fake_text *text, const char *until)
{
    cr_assert(fake_read(client, text, until, FAKE_WAIT_MS), "waited for <%s>, got <%s>", until,
              text->bytes ? text->bytes : "");
}

bool fake_read(int client, struct fake_text *text, const char *until, uint64_t for_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + for_ms;
    size_t searched = 0; // until ends behind it
    for (;;) {
        if (until != NULL && text->bytes != NULL && strstr(text->bytes + searched, until) != NULL) {
            return true;
        }
        if (text->is_over || clock_monotonic_ms() > end_ms) {
            return until == NULL && text->is_over;
        }
        if (until != NULL && text->length >= strlen(until)) {
            searched = text->length - strlen(until) + 1;
        }
        if (text->capacity - text->length < 65537) {
            text->capacity = text->capacity * 2 + 131072;
            text->bytes = realloc(text->bytes, text->capacity);
            cr_assert_not_null(text->bytes);
        }
        fake_round(0);
        struct pollfd poll_one = {.fd = client, .events = POLLIN};
        if (poll(&poll_one, 1, 1) == 1) {
            ssize_t got = recv(client, text->bytes + text->length, 65536, 0);
            text->is_over = got <= 0;
            text->length += got > 0 ? (size_t)got : 0;
        }
        text->bytes[text->length] = 0;
    }
}

void fake_text_free(struct fake_text *text)
{
    free(text->bytes);
    *text = (struct fake_text){0};
}
