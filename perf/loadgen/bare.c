#include "bare.h"

#include "bare_thread.h"

#include "base/assert.h"
#include "io/listen.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FEED_BUFFER_BYTES = 1 << 20,
    // Of a table of descriptors: feeds, listeners, epoll, and what is closing.
    FILES_BESIDE = 256,
};

struct feeds {
    int ours[BARE_THREADS_MAX];
    int theirs[BARE_THREADS_MAX];
    int listeners[BARE_THREADS_MAX];
    uint32_t feed_count;
    uint32_t listener_count;
};

static void close_all(const int *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static int feeds_open(struct feeds *feeds, uint32_t threads)
{
    for (; feeds->feed_count < threads; feeds->feed_count++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
            return -errno;
        }
        // As far as net.core.wmem_max allows; what is left is enough for one message.
        int bytes = FEED_BUFFER_BYTES;
        (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        feeds->ours[feeds->feed_count] = pair[0];
        feeds->theirs[feeds->feed_count] = pair[1];
    }
    return 0;
}

static int listeners_open(struct feeds *feeds, uint32_t threads, uint16_t *port, char *error,
                          size_t error_size)
{
    struct listen_address address;
    int result = listen_address_parse(&address, "127.0.0.1:0", error, error_size);
    while (result >= 0 && feeds->listener_count < threads) {
        result = listen_tcp(&address, true, port, error, error_size);
        if (result >= 0) {
            feeds->listeners[feeds->listener_count++] = result;
            listen_address_set_port(&address, *port);
        }
    }
    return result < 0 ? result : 0;
}

static uint64_t files_max(void)
{
    struct rlimit limit = {0};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

// The child: a thread for each feed. Ends when the feeds end.
static _Noreturn void serve(const struct feeds *feeds, const struct bare_config *config)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "bare");
    (void)signal(SIGINT, SIG_IGN);
    close_all(feeds->ours, feeds->feed_count);
    struct bare_thread threads[BARE_THREADS_MAX];
    for (uint32_t i = 0; i < config->threads; i++) {
        threads[i] = (struct bare_thread){
            .listener_fd = feeds->listeners[i],
            .feed_fd = feeds->theirs[i],
            .streams = config->streams,
            .skips_full = config->skips_full,
            .file = config->file,
            .answers = config->answers,
            // A table of descriptors for each thread, where one would not hold all connections.
            .has_own_table = config->connections + FILES_BESIDE > files_max(),
        };
        pthread_t thread;
        if (pthread_create(&thread, NULL, bare_thread_run, &threads[i]) != 0) {
            _exit(1);
        }
        threads[i].thread = thread;
    }
    for (uint32_t i = 0; i < config->threads; i++) {
        pthread_join(threads[i].thread, NULL);
    }
    _exit(0);
}

uint32_t bare_threads_needed(uint32_t threads, uint32_t connections, uint64_t files)
{
    // One table for all of them, if it holds them.
    if (connections + FILES_BESIDE <= files) {
        return threads;
    }
    // Else one for each thread; the kernel deals connections to listeners not quite evenly.
    uint64_t room = files > FILES_BESIDE ? files - FILES_BESIDE : 1;
    uint64_t share = connections + connections / 10;
    uint64_t needed = (share + room - 1) / room;
    return needed > threads ? (uint32_t)needed : threads;
}

int bare_start(struct bare *bare, const struct bare_config *config, char *error, size_t error_size)
{
    ASSERT(config->threads > 0 && config->threads <= BARE_THREADS_MAX);
    memset(bare, 0, sizeof *bare);
    struct bare_config able = *config;
    able.threads = bare_threads_needed(config->threads, config->connections, files_max());
    if (able.threads > BARE_THREADS_MAX) {
        (void)snprintf(error, error_size,
                       "bare server: %u connections need %u threads with a table of descriptors "
                       "each, more than %d: raise RLIMIT_NOFILE (ulimit -n)",
                       config->connections, able.threads, BARE_THREADS_MAX);
        return -EMFILE;
    }
    struct feeds feeds = {0};
    int result = feeds_open(&feeds, able.threads);
    if (result < 0) {
        (void)snprintf(error, error_size, "bare server: socketpair: %s", strerror(-result));
    } else {
        result = listeners_open(&feeds, able.threads, &bare->port, error, error_size);
    }
    pid_t pid = result == 0 ? fork() : -1;
    if (result == 0 && pid < 0) {
        result = -errno;
        (void)snprintf(error, error_size, "bare server: fork: %s", strerror(errno));
    }
    if (pid == 0) {
        serve(&feeds, &able);
    }
    close_all(feeds.theirs, feeds.feed_count);
    close_all(feeds.listeners, feeds.listener_count);
    if (result < 0) {
        close_all(feeds.ours, feeds.feed_count);
        return result;
    }
    bare->pid = pid;
    bare->threads = able.threads;
    memcpy(bare->feeds, feeds.ours, sizeof bare->feeds);
    return 0;
}

void bare_stop(struct bare *bare)
{
    if (bare->pid == 0) {
        return;
    }
    close_all(bare->feeds, bare->threads);
    // It may be waiting for a subscriber that reads no more.
    (void)kill(bare->pid, SIGKILL);
    while (waitpid(bare->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    bare->pid = 0;
}

int bare_send(struct bare *bare, const uint8_t *message, size_t message_length)
{
    ASSERT(message_length >= sizeof(struct bare_part) && message_length <= BARE_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < bare->threads; i++) {
        ssize_t sent = -1;
        do {
            sent = send(bare->feeds[i], message, message_length, MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        if (sent < 0) {
            return -errno;
        }
    }
    return 0;
}

static int part_send(struct bare *bare, enum bare_what what)
{
    struct bare_part part = {.what = what};
    return bare_send(bare, (const uint8_t *)&part, sizeof part);
}

int bare_sync(struct bare *bare)
{
    int result = part_send(bare, BARE_SYNC);
    for (uint32_t i = 0; i < bare->threads && result == 0; i++) {
        uint8_t answer = 0;
        ssize_t got = -1;
        do {
            got = recv(bare->feeds[i], &answer, sizeof answer, 0);
        } while (got < 0 && errno == EINTR);
        result = got < 0 ? -errno : got == 0 ? -EPIPE : 0;
    }
    return result;
}

int bare_cut(struct bare *bare)
{
    int result = part_send(bare, BARE_CUT);
    return result < 0 ? result : bare_sync(bare);
}
