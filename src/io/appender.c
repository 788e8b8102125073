#include "io/appender.h"

#include "base/assert.h"
#include "base/logger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EMPTY = 1, // of a buffer: its line feed alone
    WARNING_INTERVAL_MS = 10 * 1000,
};

static void on_written(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags);

void appender_init(struct appender *appender, struct loop *loop, uint8_t op)
{
    *appender = (struct appender){.loop = loop, .op = op, .fd = -1, .next_fd = -1};
    loop_set_handler(loop, op, on_written, appender);
}

static bool make_buffers(struct appender *appender)
{
    for (unsigned i = 0; i < 2; i++) {
        struct appender_buffer *buffer = &appender->buffers[i];
        if (buffer->bytes == NULL) {
            buffer->bytes = malloc(APPENDER_BUFFER_BYTES);
            if (buffer->bytes == NULL) {
                return false;
            }
            buffer->bytes[0] = '\n';
            buffer->length = EMPTY;
        }
    }
    return true;
}

// A close may wait for a disk: the kernel's threads do it.
static void close_later(struct appender *appender, int fd)
{
    if (fd >= 0) {
        struct io_uring_sqe *sqe = loop_sqe(appender->loop, 0);
        io_uring_prep_close(sqe, fd);
        sqe->flags |= IOSQE_ASYNC;
        loop_ignore(sqe);
    }
}

static bool has_lines(const struct appender *appender)
{
    return appender->buffers[appender->filling].length > EMPTY;
}

static void change(struct appender *appender)
{
    struct stat status;
    close_later(appender, appender->fd);
    appender->fd = appender->next_fd;
    appender->is_changing = false;
    appender->is_torn = false;
    appender->is_regular =
        appender->fd >= 0 && fstat(appender->fd, &status) == 0 && S_ISREG(status.st_mode);
}

bool appender_set(struct appender *appender, int fd)
{
    if (fd >= 0 && !make_buffers(appender)) {
        close_later(appender, fd);
        return false;
    }
    if (appender->is_changing) {
        close_later(appender, appender->next_fd);
    }
    appender->next_fd = fd;
    appender->is_changing = true;
    appender_flush(appender);
    return true;
}

// --- writing ---

static struct appender_buffer *being_written(struct appender *appender)
{
    return &appender->buffers[1 - appender->filling];
}

// How much of what is left goes out at once: all to a file, else whole lines.
static uint32_t piece_bytes(const struct appender *appender, const struct appender_buffer *buffer)
{
    uint32_t left = buffer->length - buffer->written;
    if (appender->is_regular || left <= PIPE_BUF) {
        return left;
    }
    const uint8_t *from = buffer->bytes + buffer->written;
    const uint8_t *end = memrchr(from, '\n', PIPE_BUF);
    return end == NULL ? PIPE_BUF : (uint32_t)(end - from) + 1;
}

static void write_piece(struct appender *appender)
{
    const struct appender_buffer *buffer = being_written(appender);
    struct io_uring_sqe *sqe = loop_sqe(appender->loop, 0);
    io_uring_prep_write(sqe, appender->fd, buffer->bytes + buffer->written,
                        piece_bytes(appender, buffer), (uint64_t)-1);
    io_uring_sqe_set_data64(sqe, loop_tag(appender->op, 0, 0));
}

static void begin_write(struct appender *appender)
{
    ASSERT(!appender->is_writing && appender->fd >= 0);
    struct appender_buffer *buffer = &appender->buffers[appender->filling];
    appender->filling = 1 - appender->filling;
    buffer->written = appender->is_torn ? 0 : EMPTY;
    appender->is_writing = true;
    write_piece(appender);
}

void appender_flush(struct appender *appender)
{
    if (appender->is_writing) {
        return;
    }
    if (appender->is_changing && appender->next_fd >= 0) {
        change(appender);
    }
    if (has_lines(appender) && appender->fd >= 0) {
        begin_write(appender);
    } else if (appender->is_changing) {
        change(appender); // the last lines are written
    }
}

static uint64_t count_lines(struct slice bytes)
{
    uint64_t lines = 0;
    while (bytes.length > 0) {
        size_t end = slice_find(bytes, '\n');
        lines++;
        bytes = slice_after(bytes, end < bytes.length ? end + 1 : end);
    }
    return lines;
}

// The file takes no more: the rest of the buffer is given up.
static void give_up(struct appender *appender, struct appender_buffer *buffer, int error)
{
    if (buffer->written == 0) {
        buffer->written = EMPTY; // still torn
    } else {
        appender->is_torn = buffer->written > EMPTY && buffer->bytes[buffer->written - 1] != '\n';
    }
    uint64_t lines =
        count_lines(slice_from(buffer->bytes + buffer->written, buffer->length - buffer->written));
    appender->lines_dropped += lines;
    LOGGER_EVERY(WARNING_INTERVAL_MS, LOGGER_WARN, "io",
                 "%llu lines of the access log are lost: %s", (unsigned long long)lines,
                 strerrordesc_np(error));
}

static void on_written(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    struct appender *appender = context;
    struct appender_buffer *buffer = being_written(appender);
    ASSERT(appender->is_writing);
    if (result > 0) {
        buffer->written += (uint32_t)result;
        appender->is_torn = false;
    }
    bool is_over = buffer->written == buffer->length;
    if (!is_over && (result > 0 || result == -EINTR)) {
        write_piece(appender);
        return;
    }
    if (!is_over) {
        give_up(appender, buffer, result < 0 ? -result : ENOSPC);
    }
    buffer->length = EMPTY;
    appender->is_writing = false;
    appender_flush(appender);
}

// --- lines ---

uint8_t *appender_reserve(struct appender *appender)
{
    ASSERT(appender_is_on(appender));
    struct appender_buffer *buffer = &appender->buffers[appender->filling];
    if (APPENDER_BUFFER_BYTES - buffer->length < APPENDER_LINE_BYTES_MAX) {
        appender_flush(appender);
        buffer = &appender->buffers[appender->filling];
    }
    if (APPENDER_BUFFER_BYTES - buffer->length < APPENDER_LINE_BYTES_MAX) {
        appender->lines_dropped++;
        return NULL;
    }
    return buffer->bytes + buffer->length;
}

void appender_commit(struct appender *appender, size_t length)
{
    ASSERT(length > 0 && length <= APPENDER_LINE_BYTES_MAX);
    appender->buffers[appender->filling].length += (uint32_t)length;
}

void appender_free(struct appender *appender)
{
    if (appender->fd >= 0) {
        (void)close(appender->fd);
    }
    if (appender->is_changing && appender->next_fd >= 0) {
        (void)close(appender->next_fd);
    }
    free(appender->buffers[appender->filling].bytes);
    if (!appender->is_writing) { // else the kernel may still read it: the process ends
        free(being_written(appender)->bytes);
    }
}
