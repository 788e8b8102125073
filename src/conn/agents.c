#include "conn/agents.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"

// Number 0 is none and number 1 stands for all beyond the bound.
enum { AGENT_NONE = 0, AGENT_OTHER = 1, AGENTS_FIRST = 2 };

static struct slice key_of(const void *owner, uint32_t value)
{
    const struct agents *agents = owner;
    return agents->texts[value];
}

void agents_init(struct agents *agents)
{
    name_map_init(&agents->by_text, key_of, agents);
    agents->count = AGENTS_FIRST;
    agents->texts[AGENT_NONE] = slice_empty();
    agents->texts[AGENT_OTHER] = slice_of("(other)");
}

void agents_free(struct agents *agents)
{
    for (uint32_t i = AGENTS_FIRST; i < agents->count; i++) {
        free((void *)(uintptr_t)agents->texts[i].at);
    }
    name_map_free(&agents->by_text);
}

// Clients send what they like; what is listed is JSON. Bytes that are no UTF-8 become question
// marks.
static struct slice clean(struct slice text, uint8_t into[AGENT_BYTES_MAX])
{
    if (text.length > AGENT_BYTES_MAX) {
        text = slice_first(text, AGENT_BYTES_MAX);
    }
    if (text.length > 0) {
        memcpy(into, text.at, text.length);
    }
    size_t valid;
    while ((valid = utf8_valid_length(slice_from(into, text.length))) < text.length) {
        into[valid] = '?';
    }
    return slice_from(into, text.length);
}

uint32_t agents_intern(struct agents *agents, struct slice text)
{
    if (text.length == 0) {
        return AGENT_NONE;
    }
    uint8_t bytes[AGENT_BYTES_MAX];
    text = clean(text, bytes);
    uint32_t number;
    if (name_map_get(&agents->by_text, text, &number)) {
        return number;
    }
    if (agents->count == AGENTS_MAX) {
        return AGENT_OTHER;
    }
    uint8_t *copy = malloc(text.length);
    if (copy == NULL) {
        return AGENT_OTHER;
    }
    memcpy(copy, text.at, text.length);
    number = agents->count;
    agents->texts[number] = slice_from(copy, text.length);
    if (name_map_put(&agents->by_text, agents->texts[number], number) != 0) {
        free(copy);
        return AGENT_OTHER;
    }
    agents->count++;
    return number;
}

struct slice agents_text(const struct agents *agents, uint32_t number)
{
    ASSERT(number < agents->count);
    return agents->texts[number];
}
