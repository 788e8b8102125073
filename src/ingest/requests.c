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

struct request *requests_at(const struct requests *requests, uint64_t counter)
{
    return counter >= requests->head && counter < requests->tail ? entry(requests, counter) : NULL;
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
