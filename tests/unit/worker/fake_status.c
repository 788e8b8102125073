#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t fake_stat(const char *key)
{
    struct admin_request *request = calloc(1, sizeof(*request));
    request->operation = ADMIN_STATUS;
    fake_admin(request);
    struct slice json = buffer_slice(&request->parts[0].json);
    char text[4096];
    cr_assert_lt(json.length, sizeof(text));
    memcpy(text, json.at, json.length);
    text[json.length] = 0;
    char name[64];
    snprintf(name, sizeof(name), "\"%s\":", key);
    const char *at = strstr(text, name);
    cr_assert_not_null(at, "no %s in %s", key, text);
    buffer_free(&request->parts[0].json);
    free(request);
    return strtoull(at + strlen(name), NULL, 10);
}
