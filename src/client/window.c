#include "client/internal.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS_MIN = 64, ASIDE_MIN = 64, ASIDE_MAX = 2 * RC_WINDOW_REQUESTS_MAX };

void rc_window_init(struct rc_window *window, size_t limit_bytes)
{
    *window = (struct rc_window){.limit_bytes = limit_bytes, .head = 1, .tail = 1};
}

void rc_window_free(struct rc_window *window)
{
    for (uint32_t i = window->aside_first; i < window->aside_end; i++) {
        if (!window->aside[i].request.is_done) {
            free(window->aside[i].request.frame);
        }
    }
    free(window->aside);
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

// ---- aside -------------------------------------------------------------------------------------

// The place of the first one from this number on.
static uint32_t aside_from(const struct rc_window *window, uint64_t number)
{
    uint32_t low = window->aside_first;
    uint32_t high = window->aside_end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (window->aside[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct rc_request *find_aside(const struct rc_window *window, uint64_t number)
{
    uint32_t place = aside_from(window, number);
    bool is_there = place < window->aside_end && window->aside[place].number == number &&
                    !window->aside[place].request.is_done;
    return is_there ? &window->aside[place].request : NULL;
}

// Room for one more. Those that are done go, which is enough where they are half of all.
static bool aside_reserve(struct rc_window *window)
{
    if (window->aside_end < window->aside_capacity) {
        return true;
    }
    struct rc_aside *from = window->aside;
    bool grows = window->aside_open >= window->aside_capacity / 2;
    uint32_t capacity = window->aside_capacity << grows;
    capacity = capacity < ASIDE_MIN ? ASIDE_MIN : capacity;
    struct rc_aside *into = from;
    if (grows) {
        into = capacity > ASIDE_MAX ? NULL : malloc(capacity * sizeof *into);
    }
    if (into == NULL) {
        return false;
    }
    uint32_t kept = 0;
    for (uint32_t i = window->aside_first; i < window->aside_end; i++) {
        if (!from[i].request.is_done) {
            into[kept++] = from[i];
        }
    }
    if (grows) {
        free(from);
    }
    window->aside = into;
    window->aside_capacity = capacity;
    window->aside_first = 0;
    window->aside_end = kept;
    return true;
}

static void finish_aside(struct rc_window *window, struct rc_request *request)
{
    free(request->frame);
    window->aside_bytes -= request->length;
    window->aside_open--;
    while (window->aside_first < window->aside_end &&
           window->aside[window->aside_first].request.is_done) {
        window->aside_first++;
    }
}

// Frees the places of the oldest ones that need them no more.
static void drop_done(struct rc_window *window)
{
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

bool rc_window_set_aside(struct rc_window *window, uint64_t sent)
{
    if (window->head == window->tail) {
        return false;
    }
    struct rc_request *request = request_at(window, window->head);
    bool may = request->limit != 0 && request->is_sent &&
               request->position + request->length <= sent &&
               window->aside_bytes + request->length <= window->limit_bytes;
    if (!may || !aside_reserve(window)) {
        return false;
    }
    uint8_t *frame = malloc(request->length);
    if (frame == NULL) {
        return false;
    }
    memcpy(frame, rc_window_frame(window, request), request->length);
    struct rc_aside *aside = &window->aside[window->aside_end++];
    *aside = (struct rc_aside){.number = window->head, .request = *request};
    aside->request.is_aside = true;
    aside->request.frame = frame;
    window->aside_open++;
    window->aside_bytes += request->length;
    request->is_done = true; // its place
    drop_done(window);
    return true;
}

// ---- requests ----------------------------------------------------------------------------------

struct rc_request *rc_window_find(struct rc_window *window, uint64_t number)
{
    if (number < window->head) {
        return find_aside(window, number);
    }
    if (number >= window->tail) {
        return NULL;
    }
    struct rc_request *request = request_at(window, number);
    return request->is_done ? NULL : request;
}

struct rc_request *rc_window_next(const struct rc_window *window, uint64_t *number)
{
    if (*number < window->head) {
        for (uint32_t i = aside_from(window, *number); i < window->aside_end; i++) {
            if (!window->aside[i].request.is_done) {
                *number = window->aside[i].number;
                return &window->aside[i].request;
            }
        }
        *number = window->head;
    }
    for (; *number < window->tail; ++*number) {
        struct rc_request *request = request_at(window, *number);
        if (!request->is_done) {
            return request;
        }
    }
    return NULL;
}

const uint8_t *rc_window_frame(const struct rc_window *window, const struct rc_request *request)
{
    return request->is_aside ? request->frame : rc_window_bytes(window, request->position);
}

void rc_window_finish(struct rc_window *window, struct rc_request *request)
{
    request->is_done = true;
    window->unanswered--;
    if (request->is_aside) {
        finish_aside(window, request);
    } else {
        drop_done(window);
    }
}

// Nothing of it was sent yet.
static void request_rewind(struct rc_request *request)
{
    request->is_sent = false;
    request->limit = 0;
    request->code = RC_OK;
}

void rc_window_rewind(struct rc_window *window)
{
    for (uint32_t i = window->aside_first; i < window->aside_end; i++) {
        request_rewind(&window->aside[i].request);
    }
    size_t from = window->start;
    size_t to = window->start;
    for (uint64_t number = window->head; number < window->tail; number++) {
        struct rc_request *request = request_at(window, number);
        size_t length = request->length;
        request_rewind(request);
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
