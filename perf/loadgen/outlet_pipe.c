// Publishes each event as a line: on standard output, or to the standard input of a command that is
// started for it and ended with it.
#include "outlet.h"

#include "target.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WRITE_MS_MAX = 10 * 1000, // in which nothing more is read from the pipe
    END_MS_MAX = 5 * 1000,    // for the command to end once its input has
    KILL_MS = 1000,           // between SIGTERM and SIGKILL
    LINES_BYTES_MAX = 64 << 20,
    LINES_BYTES_WRITE = 64 << 10, // lines are collected up to this
};

struct pipe_state {
    int fd;
    pid_t child; // 0: none, or reaped
    struct buffer lines;
};

static int fail(struct outlet *outlet, int result, const char *what)
{
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing to %.200s: %s: %s",
                   outlet->options->publish, what, strerror(-result));
    return result;
}

static struct pipe_state *state_make(struct outlet *outlet)
{
    const struct options *options = outlet->options;
    if (strchr(options->stream, '\n') != NULL ||
        (options->body != NULL && strchr(options->body, '\n') != NULL)) {
        (void)snprintf(outlet->error, sizeof outlet->error,
                       "--body and --stream cannot have line ends where events are lines");
        return NULL;
    }
    struct pipe_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        (void)fail(outlet, -ENOMEM, "opening");
        return NULL;
    }
    buffer_init(&state->lines, LINES_BYTES_MAX);
    outlet->state = state;
    return state;
}

static int output_open(struct outlet *outlet, const char *where)
{
    if (*where != 0) {
        (void)snprintf(outlet->error, sizeof outlet->error,
                       "--publish - is standard output; '%.100s' follows it", where);
        return -EINVAL;
    }
    struct pipe_state *state = state_make(outlet);
    if (state == NULL) {
        return -EINVAL;
    }
    state->fd = STDOUT_FILENO;
    return 0;
}

static void state_free(struct outlet *outlet)
{
    struct pipe_state *state = outlet->state;
    buffer_free(&state->lines);
    free(state);
    outlet->state = NULL;
}

// --- the command ---

// Starts it with `input` as its standard input, in a process group of its own; what it prints goes
// to standard error, out of the way of the results. Returns 0 or an errno.
static int command_start(pid_t *child, const char *command, int input)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    sigset_t ours; // ignored here, not there
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(&attributes, &ours);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    }
    if (error == 0) {
        char shell[] = "sh";
        char option[] = "-c";
        char *arguments[] = {shell, option, strdup(command), NULL};
        error = arguments[2] == NULL
                    ? ENOMEM
                    : posix_spawn(child, "/bin/sh", &actions, &attributes, arguments, environ);
        free(arguments[2]);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int command_open(struct outlet *outlet, const char *where)
{
    struct pipe_state *state = state_make(outlet);
    if (state == NULL) {
        return -EINVAL;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        int result = fail(outlet, -errno, "pipe");
        state_free(outlet);
        return result;
    }
    int error = command_start(&state->child, where, ends[0]);
    close(ends[0]);
    if (error != 0) {
        close(ends[1]);
        state_free(outlet);
        return fail(outlet, -error, "starting /bin/sh");
    }
    state->fd = ends[1];
    return 0;
}

// Waits for the command's end and reaps it. False: it still runs.
static bool command_reap(struct pipe_state *state, int timeout_ms, int *status)
{
    ASSERT(state->child > 0);
    int pidfd = pidfd_open(state->child, 0);
    if (pidfd >= 0) {
        struct pollfd wait = {.fd = pidfd, .events = POLLIN};
        (void)poll(&wait, 1, timeout_ms);
        close(pidfd);
    }
    if (waitpid(state->child, status, WNOHANG) <= 0) {
        return false;
    }
    state->child = 0;
    return true;
}

// Fails when the command has ended: it should live until its input ends.
static int command_check(struct outlet *outlet, int timeout_ms)
{
    struct pipe_state *state = outlet->state;
    int status = 0;
    if (state->child == 0 || !command_reap(state, timeout_ms, &status)) {
        return 0;
    }
    (void)snprintf(outlet->error, sizeof outlet->error,
                   "publishing to %.200s: it ended early, %s %d", outlet->options->publish,
                   WIFSIGNALED(status) ? "killed by signal" : "with status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return -EPIPE;
}

static void command_close(struct outlet *outlet)
{
    struct pipe_state *state = outlet->state;
    int status = 0;
    close(state->fd);
    if (state->child > 0 && !command_reap(state, END_MS_MAX, &status)) {
        (void)kill(-state->child, SIGTERM);
        if (!command_reap(state, KILL_MS, &status)) {
            (void)kill(-state->child, SIGKILL);
            (void)waitpid(state->child, &status, 0);
        }
    }
    state_free(outlet);
}

// --- both ---

// Writes all lines collected. Parts of at most PIPE_BUF do not block once the pipe has room.
static int lines_write(struct outlet *outlet)
{
    struct pipe_state *state = outlet->state;
    while (buffer_length(&state->lines) > 0) {
        struct slice rest = buffer_slice(&state->lines);
        struct pollfd wait = {.fd = state->fd, .events = POLLOUT};
        int ready = poll(&wait, 1, WRITE_MS_MAX);
        if (ready == 0) {
            return fail(outlet, -ETIMEDOUT, "the reader takes no more");
        }
        ssize_t length = write(state->fd, rest.at, rest.length < PIPE_BUF ? rest.length : PIPE_BUF);
        if (length >= 0) {
            buffer_consume(&state->lines, (size_t)length);
        } else if (errno == EPIPE) {
            int result = command_check(outlet, KILL_MS);
            return result < 0 ? result : fail(outlet, -EPIPE, "the reader is gone");
        } else if (errno != EINTR && errno != EAGAIN) {
            return fail(outlet, -errno, "writing");
        }
    }
    return 0;
}

static int pipe_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct pipe_state *state = outlet->state;
    const char *body = outlet->options->body == NULL ? "{data}" : outlet->options->body;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        target_expand(&state->lines, outlet->options, body, TEMPLATE_TEXT, events[i].stream,
                      slice_from(events[i].data, events[i].length));
        (void)buffer_append_byte(&state->lines, '\n');
        if (buffer_failure(&state->lines) != 0) {
            return fail(outlet, buffer_failure(&state->lines), "a line");
        }
        if (i + 1 == count || buffer_length(&state->lines) >= LINES_BYTES_WRITE) {
            result = lines_write(outlet);
        }
    }
    return result;
}

static int pipe_check(struct outlet *outlet)
{
    return command_check(outlet, 0);
}

const struct outlet_kind outlet_kind_output = {
    .prefix = "-",
    .takes_body = true,
    .open = output_open,
    .publish = pipe_publish,
    .idle = pipe_check,
    .flush = pipe_check,
    .close = state_free,
};

const struct outlet_kind outlet_kind_exec = {
    .prefix = "exec:",
    .takes_body = true,
    .open = command_open,
    .publish = pipe_publish,
    .idle = pipe_check,
    .flush = pipe_check,
    .close = command_close,
};
