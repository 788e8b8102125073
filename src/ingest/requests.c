#include "ingest/requests.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <stdlib.h>

STATIC_ASSERT((REQUESTS_MIN & (REQUESTS_MIN - 1)) == 0, "the ring is addressed by a mask");
STATIC_ASSERT((REQUESTS_MAX & (REQUESTS_MAX - 1)) == 0, "the ring is addressed by a mask");

void requests_init(struct requests *requests)
{
    *requests = (struct requests){0};
}

void requests_free(struct requests *requests)
{
    free(requests->entries);
    free(requests->aside);
    requests_init(requests);
}

static struct request *entry(const struct requests *requests, uint64_t counter)
{
    return &requests->entries[counter & (requests->capacity - 1)];
}

static bool requests_grow(struct requests *requests)
{
    uint32_t capacity = requests->capacity == 0 ? REQUESTS_MIN : REQUESTS_MAX;
    if (capacity == requests->capacity) {
        return false;
    }
    struct request *entries = calloc(capacity, sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    for (uint64_t counter = requests->head; counter < requests->tail; counter++) {
        entries[counter & (capacity - 1)] = *entry(requests, counter);
    }
    free(requests->entries);
    requests->entries = entries;
    requests->capacity = capacity;
    return true;
}

struct request *requests_push(struct requests *requests)
{
    if (requests_count(requests) == requests->capacity && !requests_grow(requests)) {
        return NULL;
    }
    struct request *request = entry(requests, requests->tail++);
    *request = (struct request){.is_open = true};
    return request;
}

void requests_drop_last(struct requests *requests)
{
    ASSERT(requests_count(requests) > 0);
    requests->tail--;
}

static struct request *find_aside(const struct requests *requests, uint64_t counter)
{
    uint32_t low = 0;
    uint32_t high = requests->aside_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (requests->aside[middle].counter < counter) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < requests->aside_count && requests->aside[low].counter == counter;
    return is_there ? &requests->aside[low].request : NULL;
}

struct request *requests_at(const struct requests *requests, uint64_t counter)
{
    if (counter < requests->head) {
        return find_aside(requests, counter);
    }
    return counter < requests->tail ? entry(requests, counter) : NULL;
}

static void forget_done(struct requests *requests)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < requests->aside_count; i++) {
        if (!requests->aside[i].request.is_done) {
            requests->aside[kept++] = requests->aside[i];
        }
    }
    requests->aside_count = kept;
}

void requests_make_room(struct requests *requests)
{
    if (requests_count(requests) == REQUESTS_MAX && requests->aside_count == REQUESTS_MAX) {
        forget_done(requests);
    }
    if (requests_count(requests) < REQUESTS_MAX || requests->aside_count == REQUESTS_MAX ||
        !entry(requests, requests->head)->is_holding) {
        return;
    }
    if (requests->aside == NULL) {
        requests->aside = calloc(REQUESTS_MAX, sizeof *requests->aside);
    }
    if (requests->aside != NULL) {
        ASSERT(!entry(requests, requests->head)->is_open);
        requests->aside[requests->aside_count++] = (struct request_aside){
            .counter = requests->head, .request = *entry(requests, requests->head)};
        requests->head++;
    }
}

void requests_trim(struct requests *requests)
{
    // What is held longest is mostly answered first: the others wait until it is their turn.
    if (requests->aside_count > 0 && requests->aside[0].request.is_done) {
        forget_done(requests);
    }
}

struct request *requests_first(const struct requests *requests)
{
    return requests_count(requests) > 0 ? entry(requests, requests->head) : NULL;
}

void requests_pop(struct requests *requests)
{
    ASSERT(requests_count(requests) > 0);
    requests->head++;
}
