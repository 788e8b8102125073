#include "fake_log.h"

#include "worker/figures.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t fake_stat(const char *key)
{
    struct admin_request *request = calloc(1, sizeof(*request));
    request->operation = ADMIN_FIGURES;
    struct worker_figures figures;
    request->figures = &figures;
    fake_admin(request);
    struct buffer out;
    buffer_init(&out, 8192);
    struct json_writer writer = json_writer_on(&out);
    worker_figures_write(&writer, &figures);
    struct slice json = buffer_slice(&out);
    char text[4096];
    cr_assert_lt(json.length, sizeof(text));
    memcpy(text, json.at, json.length);
    text[json.length] = 0;
    char name[64];
    snprintf(name, sizeof(name), "\"%s\":", key);
    const char *at = strstr(text, name);
    cr_assert_not_null(at, "no %s in %s", key, text);
    buffer_free(&out);
    free(request);
    return strtoull(at + strlen(name), NULL, 10);
}
