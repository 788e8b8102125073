#include "client/internal.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS_MIN = 64 };

void rc_window_init(struct rc_window *window, size_t limit_bytes)
{
    *window = (struct rc_window){.limit_bytes = limit_bytes, .head = 1, .tail = 1};
}

void rc_window_free(struct rc_window *window)
{
    free(window->bytes);
    free(window->requests);
    rc_window_init(window, window->limit_bytes);
}

static struct rc_request *request_at(const struct rc_window *window, uint64_t number)
{
    return &window->requests[number & (window->capacity - 1)];
}

static int requests_reserve(struct rc_window *window)
{
    if (window->tail - window->head < window->capacity) {
        return RC_OK;
    }
    if (window->capacity >= RC_WINDOW_REQUESTS_MAX) {
        return RC_AGAIN;
    }
    uint32_t capacity = window->capacity == 0 ? REQUESTS_MIN : 2 * window->capacity;
    struct rc_request *requests = calloc(capacity, sizeof *requests);
    if (requests == NULL) {
        return RC_NO_MEMORY;
    }
    for (uint64_t number = window->head; number < window->tail; number++) {
        requests[number & (capacity - 1)] = *request_at(window, number);
    }
    free(window->requests);
    window->requests = requests;
    window->capacity = capacity;
    return RC_OK;
}

static void move_to_front(struct rc_window *window)
{
    if (window->start > 0) {
        memmove(window->bytes, window->bytes + window->start, window->end - window->start);
        window->end -= window->start;
        window->start = 0;
    }
}

int rc_window_reserve(struct rc_window *window, size_t length)
{
    size_t used = window->end - window->start;
    if (used > 0 && (length > window->limit_bytes || used > window->limit_bytes - length)) {
        return RC_AGAIN;
    }
    int result = requests_reserve(window);
    if (result != RC_OK || window->capacity_bytes - window->end >= length) {
        return result;
    }
    // Moving pays only where much is free by it; else it would be done over and over.
    if (window->capacity_bytes - used >= length && used <= window->capacity_bytes / 2) {
        move_to_front(window);
        return RC_OK;
    }
    size_t capacity = window->capacity_bytes == 0 ? RC_WINDOW_BYTES_MIN : window->capacity_bytes;
    while (capacity < 2 * (used + length)) {
        capacity *= 2;
    }
    uint8_t *bytes = malloc(capacity);
    if (bytes == NULL) {
        return RC_NO_MEMORY;
    }
    if (used > 0) {
        memcpy(bytes, window->bytes + window->start, used);
    }
    free(window->bytes);
    window->bytes = bytes;
    window->capacity_bytes = capacity;
    window->start = 0;
    window->end = used;
    return RC_OK;
}

uint8_t *rc_window_room(struct rc_window *window)
{
    return window->bytes + window->end;
}

uint64_t rc_window_end(const struct rc_window *window)
{
    return window->start_position + (window->end - window->start);
}

void rc_window_add(struct rc_window *window, size_t length, rc_done done, void *context)
{
    *request_at(window, window->tail) = (struct rc_request){
        .done = done,
        .context = context,
        .position = rc_window_end(window),
        .length = (uint32_t)length,
    };
    window->tail++;
    window->end += length;
    window->unanswered++;
}

struct rc_request *rc_window_find(struct rc_window *window, uint64_t number)
{
    if (number < window->head || number >= window->tail) {
        return NULL;
    }
    struct rc_request *request = request_at(window, number);
    return request->is_done ? NULL : request;
}

void rc_window_finish(struct rc_window *window, struct rc_request *request)
{
    request->is_done = true;
    window->unanswered--;
    while (window->head < window->tail && request_at(window, window->head)->is_done) {
        uint32_t length = request_at(window, window->head)->length;
        window->start += length;
        window->start_position += length;
        window->head++;
    }
    if (window->start == window->end) {
        window->start = 0;
        window->end = 0;
    }
}

void rc_window_rewind(struct rc_window *window)
{
    size_t from = window->start;
    size_t to = window->start;
    for (uint64_t number = window->head; number < window->tail; number++) {
        struct rc_request *request = request_at(window, number);
        size_t length = request->length;
        request->is_sent = false;
        request->limit = 0;
        request->code = RC_OK;
        if (request->is_done) {
            request->length = 0;
        } else if (to != from) {
            memmove(window->bytes + to, window->bytes + from, length);
        }
        request->position = window->start_position + (to - window->start);
        from += length;
        to += request->length;
    }
    window->end = to;
}

const uint8_t *rc_window_bytes(const struct rc_window *window, uint64_t position)
{
    return window->bytes + window->start + (position - window->start_position);
}
