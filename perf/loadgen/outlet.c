#include "outlet.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct outlet_kind *const KINDS[] = {
    &outlet_kind_unix, &outlet_kind_http, &outlet_kind_redis,
    &outlet_kind_nats, &outlet_kind_exec, &outlet_kind_output,
};

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
        outlet->kind = &outlet_kind_bare;
        return outlet->kind->open(outlet, "");
    }
    if (where == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "--publish is missing");
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        size_t length = strlen(KINDS[i]->prefix);
        if (strncmp(where, KINDS[i]->prefix, length) == 0) {
            int result = KINDS[i]->open(outlet, where + length);
            outlet->kind = result == 0 ? KINDS[i] : NULL;
            return result;
        }
    }
    refuse(outlet, where);
    return -EINVAL;
}

void outlet_close(struct outlet *outlet)
{
    if (outlet->kind != NULL) {
        outlet->kind->close(outlet);
        outlet->kind = NULL;
    }
}
