#include "conn/terms.h"

#include <stdlib.h>
#include <string.h>

struct terms *terms_create(void)
{
    struct terms *terms = calloc(1, sizeof(*terms));
    if (terms != NULL) {
        references_begin(&terms->references);
        arena_init(&terms->texts, SIZE_MAX);
    }
    return terms;
}

bool terms_keep(struct terms *terms, const char **text)
{
    if (*text == NULL) {
        return true;
    }
    size_t size = strlen(*text) + 1;
    char *copy = (char *)arena_take(&terms->texts, size);
    if (copy != NULL) {
        memcpy(copy, *text, size);
        *text = copy;
    }
    return copy != NULL;
}

struct terms *terms_hold(struct terms *terms)
{
    references_hold(&terms->references);
    return terms;
}

void terms_release(struct terms *terms)
{
    if (terms == NULL || !references_release(&terms->references)) {
        return;
    }
    keyring_release(terms->keyring);
    tls_server_release(terms->tls);
    access_file_release(terms->access_file);
    client_limits_free(&terms->limits);
    arena_free(&terms->texts);
    free(terms);
}
