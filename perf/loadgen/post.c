#include "post.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UNANSWERED_BYTES_MAX = 1 << 20, // beyond that no further request is taken
    REQUEST_BYTES_MAX = 64 << 20,
    RECEIVE_BYTES = 16 << 10,
};

static int fail(struct post *post, int result, const char *what)
{
    (void)snprintf(post->error, post->error_size, "publishing to http://%.100s: %s: %s",
                   post->target->authority, what, strerror(-result));
    return result;
}

static int connection_open(struct post *post)
{
    int fd = target_connect(post->target);
    if (fd < 0) {
        return fail(post, fd, "connecting");
    }
    post->fd = fd;
    post->opened++;
    post->sent_bytes = 0;
    answer_begin(&post->answer);
    return 0;
}

static void connection_close(struct post *post)
{
    if (post->fd >= 0) {
        close(post->fd);
    }
    post->fd = -1;
    post->sent_bytes = 0;
}

int post_open(struct post *post, const struct target *target, uint32_t depth, char *error,
              size_t error_size)
{
    ASSERT(depth > 0);
    memset(post, 0, sizeof *post);
    post->target = target;
    post->error = error;
    post->error_size = error_size;
    post->fd = -1;
    post->depth = depth;
    buffer_init(&post->requests, REQUEST_BYTES_MAX);
    post->lengths = calloc(depth, sizeof *post->lengths);
    return post->lengths == NULL ? fail(post, -ENOMEM, "opening") : connection_open(post);
}

void post_close(struct post *post)
{
    if (post->target == NULL) {
        return;
    }
    connection_close(post);
    buffer_free(&post->requests);
    free(post->lengths);
    memset(post, 0, sizeof *post);
}

bool post_is_full(const struct post *post)
{
    return post->count == post->depth || buffer_length(&post->requests) >= UNANSWERED_BYTES_MAX;
}

int post_append(struct post *post, struct slice head, struct slice body)
{
    ASSERT(!post_is_full(post));
    (void)buffer_append_slice(&post->requests, head);
    (void)buffer_append_slice(&post->requests, body);
    if (buffer_failure(&post->requests) != 0) {
        return fail(post, buffer_failure(&post->requests), "a request");
    }
    post->lengths[(post->first + post->count) % post->depth] =
        (uint32_t)(head.length + body.length);
    post->count++;
    return 0;
}

// The answer to the first request is whole.
static int answer_take(struct post *post)
{
    const struct answer *answer = &post->answer;
    if (post->count == 0) {
        return fail(post, -EBADMSG, "an answer to no request");
    }
    if (answer->status < 200 || answer->status > 299) {
        (void)snprintf(post->error, post->error_size,
                       "publishing to http://%.100s: the server answered %u%s%s",
                       post->target->authority, answer->status, answer->text_length > 0 ? ": " : "",
                       answer->text);
        return -EPROTO;
    }
    uint32_t length = post->lengths[post->first];
    buffer_consume(&post->requests, length);
    post->first = (post->first + 1) % post->depth;
    post->count--;
    if (answer->is_last) {
        connection_close(post);
        return 0;
    }
    if (post->sent_bytes < length) {
        return fail(post, -EBADMSG, "an answer before the request was sent");
    }
    post->sent_bytes -= length;
    answer_begin(&post->answer);
    return 0;
}

static int bytes_take(struct post *post, const uint8_t *at, size_t length)
{
    while (length > 0 && post->fd >= 0) {
        ssize_t taken = answer_feed(&post->answer, at, length);
        if (taken < 0) {
            return fail(post, (int)taken, "the answer is not HTTP/1.1");
        }
        at += taken;
        length -= (size_t)taken;
        int result = post->answer.is_whole ? answer_take(post) : 0;
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

// The server has closed the connection.
static int end_take(struct post *post)
{
    if (answer_end(&post->answer) == 0) {
        post->answer.is_last = true;
        return answer_take(post);
    }
    if (post->count > 0 && post->sent_bytes > 0) {
        (void)snprintf(post->error, post->error_size,
                       "publishing to http://%.100s: the server closed the connection and left %u "
                       "requests unanswered",
                       post->target->authority, post->count);
        return -ECONNRESET;
    }
    connection_close(post); // an idle one
    return 0;
}

int post_receive(struct post *post)
{
    uint8_t bytes[RECEIVE_BYTES];
    while (post->fd >= 0) {
        ssize_t length = recv(post->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length < 0) {
            return errno == EAGAIN ? 0 : fail(post, -errno, "receiving");
        }
        int result = length == 0 ? end_take(post) : bytes_take(post, bytes, (size_t)length);
        if (result < 0 || length < (ssize_t)sizeof bytes) {
            return result;
        }
    }
    return 0;
}

int post_send(struct post *post)
{
    while (post_has_unsent(post)) {
        int result = post->fd < 0 ? connection_open(post) : 0;
        if (result < 0) {
            return result;
        }
        struct slice rest = slice_after(buffer_slice(&post->requests), post->sent_bytes);
        ssize_t sent = send(post->fd, rest.at, rest.length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            post->sent_bytes += (size_t)sent;
            continue;
        }
        int error = errno;
        if (error == EAGAIN) {
            return 0;
        }
        // The server has closed it: perhaps with an answer that says why, or that ends it well.
        result = error == EINTR ? 0 : post_receive(post);
        if (result < 0) {
            return result;
        }
        if (error != EINTR && post->fd >= 0) {
            return fail(post, -error, "sending");
        }
    }
    return 0;
}
