#include "auth/grant.h"

#include "base/assert.h"
#include "base/pattern.h"
#include "base/references.h"

#include <stdlib.h>
#include <string.h>

struct grant {
    struct references references;
    bool may_broadcast;
    bool sees_all_types;
    uint64_t expires_ms;
    size_t read_steps; // for each byte of a name
    struct slice subject;
    struct grant_patterns read;
    struct grant_patterns write;
    struct grant_patterns types;
    size_t bytes; // of this struct with all that it points at
    struct slice slices[];
    // The patterns' and the subject's bytes follow the slices.
};

// ---- making ------------------------------------------------------------------------------------

static size_t text_bytes(const struct grant_patterns *patterns)
{
    size_t bytes = 0;
    for (size_t i = 0; i < patterns->count; i++) {
        bytes += patterns->at[i].length;
    }
    return bytes;
}

// Where the next slice and the next byte go.
struct filling {
    struct slice *slices;
    uint8_t *text;
};

static struct slice fill_text(struct filling *filling, struct slice text)
{
    struct slice copy = slice_from(filling->text, text.length);
    if (text.length > 0) {
        memcpy(filling->text, text.at, text.length);
    }
    filling->text += text.length;
    return copy;
}

static struct grant_patterns fill_patterns(struct filling *filling,
                                           const struct grant_patterns *patterns)
{
    ASSERT(patterns->count <= GRANT_PATTERNS_MAX);
    struct grant_patterns copy = {.at = filling->slices, .count = patterns->count};
    for (size_t i = 0; i < patterns->count; i++) {
        ASSERT(pattern_is_valid(patterns->at[i]));
        *filling->slices++ = fill_text(filling, patterns->at[i]);
    }
    return copy;
}

struct grant *grant_create(const struct grant_terms *terms)
{
    ASSERT(terms->subject.length <= GRANT_SUBJECT_BYTES_MAX);
    size_t slices = terms->read.count + terms->write.count + terms->types.count;
    size_t bytes = sizeof(struct grant) + slices * sizeof(struct slice) + terms->subject.length +
                   text_bytes(&terms->read) + text_bytes(&terms->write) + text_bytes(&terms->types);
    struct grant *grant = malloc(bytes);
    if (grant == NULL) {
        return NULL;
    }
    struct filling filling = {.slices = grant->slices, .text = (uint8_t *)(grant->slices + slices)};
    references_begin(&grant->references);
    grant->may_broadcast = terms->may_broadcast;
    grant->sees_all_types = terms->sees_all_types;
    grant->expires_ms = terms->expires_ms;
    grant->bytes = bytes;
    grant->read = fill_patterns(&filling, &terms->read);
    grant->write = fill_patterns(&filling, &terms->write);
    grant->types = fill_patterns(&filling, &terms->types);
    grant->read_steps = text_bytes(&grant->read);
    grant->subject = fill_text(&filling, terms->subject);
    ASSERT(filling.text == (uint8_t *)grant + bytes);
    return grant;
}

struct grant *grant_hold(struct grant *grant)
{
    if (grant != NULL) {
        references_hold(&grant->references);
    }
    return grant;
}

void grant_release(struct grant *grant)
{
    if (grant != NULL && references_release(&grant->references)) {
        free(grant);
    }
}

// ---- asking ------------------------------------------------------------------------------------

static bool any_matches(const struct grant_patterns *patterns, struct slice name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (pattern_matches(patterns->at[i], name)) {
            return true;
        }
    }
    return false;
}

bool grant_may_read(const struct grant *grant, struct slice stream)
{
    return grant == NULL || any_matches(&grant->read, stream);
}

size_t grant_may_read_steps(const struct grant *grant, struct slice stream)
{
    return grant == NULL ? 0 : grant->read_steps * (1 + stream.length);
}

bool grant_may_write(const struct grant *grant, struct slice stream)
{
    return grant != NULL && any_matches(&grant->write, stream);
}

bool grant_may_broadcast(const struct grant *grant)
{
    return grant != NULL && grant->may_broadcast;
}

bool grant_sees_all_types(const struct grant *grant)
{
    return grant == NULL || grant->sees_all_types;
}

bool grant_may_see(const struct grant *grant, struct slice type)
{
    static const struct slice message = SLICE_LITERAL("message");
    return grant_sees_all_types(grant) ||
           any_matches(&grant->types, type.length > 0 ? type : message);
}

uint64_t grant_expires_ms(const struct grant *grant)
{
    return grant == NULL ? GRANT_NEVER_EXPIRES : grant->expires_ms;
}

struct slice grant_subject(const struct grant *grant)
{
    return grant == NULL ? slice_empty() : grant->subject;
}

size_t grant_bytes(const struct grant *grant)
{
    return grant == NULL ? 0 : grant->bytes;
}
