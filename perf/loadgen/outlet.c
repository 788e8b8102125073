#include "outlet.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct outlet_kind *const KINDS[] = {
    &outlet_kind_unix, &outlet_kind_http, &outlet_kind_redis,
    &outlet_kind_nats, &outlet_kind_exec, &outlet_kind_output,
};

// NULL: none begins so.
static const struct outlet_kind *kind_find(const char *where)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strncmp(where, KINDS[i]->prefix, strlen(KINDS[i]->prefix)) == 0) {
            return KINDS[i];
        }
    }
    return NULL;
}

// Says which prefixes there are.
static void refuse(struct outlet *outlet, const char *where)
{
    struct buffer text;
    buffer_wrap(&text, outlet->error, sizeof outlet->error - 1);
    (void)buffer_printf(&text, "--publish '%.100s': it must begin with", where);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        (void)buffer_printf(&text, "%s %s", i > 0 ? " or" : "", KINDS[i]->prefix);
    }
}

int outlet_open(struct outlet *outlet, const struct options *options, struct bare *bare)
{
    memset(outlet, 0, sizeof *outlet);
    outlet->options = options;
    outlet->bare = bare;
    const char *where = options->publish;
    if (bare != NULL) {
        const struct outlet_kind *kind =
            options->file != NULL ? &outlet_kind_file : &outlet_kind_bare;
        int result = kind->open(outlet, options->file);
        outlet->kind = result == 0 ? kind : NULL;
        return result;
    }
    if (where == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "--publish is missing");
        return -EINVAL;
    }
    const struct outlet_kind *kind = kind_find(where);
    if (kind == NULL) {
        refuse(outlet, where);
        return -EINVAL;
    }
    if (options->body != NULL && !kind->takes_body) {
        (void)snprintf(outlet->error, sizeof outlet->error, "--publish %s takes no --body",
                       kind->prefix);
        return -EINVAL;
    }
    int result = kind->open(outlet, where + strlen(kind->prefix));
    outlet->kind = result == 0 ? kind : NULL;
    return result;
}

void outlet_close(struct outlet *outlet)
{
    if (outlet->kind != NULL) {
        outlet->kind->close(outlet);
        outlet->kind = NULL;
    }
}
