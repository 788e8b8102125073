#include "post_request.h"

#include "template.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
    HEAD_BYTES_MAX = 64 << 10,
    BODY_BYTES_MAX = 32 << 20,
};

static void fields_make(struct buffer *fields, const struct target *target)
{
    const struct options_headers *headers = &target->options->publish_headers;
    static const char content_type[] = "Content-Type:";
    bool has_content_type = false;
    (void)buffer_printf(fields, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: ringcast-bench\r\n",
                        target->authority);
    for (uint32_t i = 0; i < headers->count; i++) {
        (void)buffer_printf(fields, "%s\r\n", headers->lines[i]);
        has_content_type |=
            strncasecmp(headers->lines[i], content_type, sizeof content_type - 1) == 0;
    }
    if (!has_content_type) {
        (void)buffer_printf(fields, "%s text/plain\r\n", content_type);
    }
    (void)buffer_append_text(fields, "Content-Length: ");
}

int post_request_open(struct post_request *request, const struct options *options, char *error,
                      size_t error_size)
{
    memset(request, 0, sizeof *request);
    request->options = options;
    buffer_init(&request->fields, HEAD_BYTES_MAX);
    buffer_init(&request->head, HEAD_BYTES_MAX);
    buffer_init(&request->body, BODY_BYTES_MAX);
    int result = target_open(&request->target, options->publish, options, error, error_size);
    if (result == 0) {
        fields_make(&request->fields, &request->target);
    }
    return result;
}

void post_request_close(struct post_request *request)
{
    buffer_free(&request->fields);
    buffer_free(&request->head);
    buffer_free(&request->body);
}

int post_request_make(struct post_request *request, uint32_t number, struct slice data)
{
    const struct options *options = request->options;
    buffer_clear(&request->head);
    buffer_clear(&request->body);
    if (options->body == NULL) {
        (void)buffer_append_slice(&request->body, data);
    } else {
        target_expand(&request->body, options, options->body, TEMPLATE_TEXT, number, data);
    }
    (void)buffer_append_text(&request->head, "POST ");
    target_expand(&request->head, options, request->target.path, TEMPLATE_URL, number,
                  slice_empty());
    (void)buffer_append_slice(&request->head, buffer_slice(&request->fields));
    (void)buffer_append_u64(&request->head, buffer_length(&request->body));
    (void)buffer_append_text(&request->head, "\r\n\r\n");
    bool is_whole = buffer_failure(&request->fields) == 0 && buffer_failure(&request->head) == 0 &&
                    buffer_failure(&request->body) == 0;
    return is_whole ? 0 : -ENOBUFS;
}
