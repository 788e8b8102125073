#include "app/notify.h"

#include "app/paths.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FIRST_SOCKET = 3, // SD_LISTEN_FDS_START
    MESSAGE_SIZE = NOTIFY_STATUS_SIZE + 128,
    NS_PER_US = 1000,
    US_PER_MS = 1000,
};

// --- the environment ---

// Copies the variable, and takes it out of the environment: a child must not speak for us. False
// where it is not set, is empty or does not fit.
static bool take_variable(const char *name, char *value, size_t size)
{
    const char *found = paths_variable(name);
    bool is_good = found != NULL && found[0] != 0 && strlen(found) < size;
    if (is_good) {
        memcpy(value, found, strlen(found) + 1);
    }
    (void)unsetenv(name); // NOLINT(concurrency-mt-unsafe): there is no other thread yet
    return is_good;
}

static bool take_number(const char *name, uint64_t *number)
{
    char text[TEXT_U64_BYTES_MAX + 1];
    return take_variable(name, text, sizeof(text)) && text_parse_u64(slice_of(text), number);
}

// --- telling ---

// An @ in front stands for the zero byte of an abstract address.
static bool parse_address(struct notify *notify, const char *text)
{
    size_t length = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || length >= sizeof(notify->address.sun_path)) {
        return false;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, text, length);
    if (text[0] == '@') {
        notify->address.sun_path[0] = 0;
    }
    notify->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

void notify_open(struct notify *notify)
{
    char socket_path[sizeof(notify->address.sun_path) + 1];
    uint64_t watchdog_us = 0;
    uint64_t watchdog_pid = 0;
    *notify = (struct notify){.fd = -1};
    bool is_watched = take_number("WATCHDOG_USEC", &watchdog_us);
    if (take_number("WATCHDOG_PID", &watchdog_pid) && watchdog_pid != (uint64_t)getpid()) {
        is_watched = false;
    }
    bool is_given = paths_variable("NOTIFY_SOCKET") != NULL;
    if (!take_variable("NOTIFY_SOCKET", socket_path, sizeof(socket_path)) ||
        !parse_address(notify, socket_path)) {
        if (is_given) {
            LOG_WARN("service", "NOTIFY_SOCKET is no path of a socket: nobody is told");
        }
        return;
    }
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0) {
        LOG_WARN("service", "cannot speak to the service manager: %s", strerrordesc_np(errno));
        return;
    }
    notify->watchdog_ms = is_watched ? watchdog_us / US_PER_MS : 0;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        (void)close(notify->fd);
        notify->fd = -1;
    }
}

__attribute__((format(printf, 2, 3))) static void tell(struct notify *notify, const char *format,
                                                       ...)
{
    char text[MESSAGE_SIZE];
    if (notify->fd < 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length > 0 && (size_t)length < sizeof(text));
    ssize_t sent = sendto(notify->fd, text, (size_t)length, MSG_NOSIGNAL,
                          (const struct sockaddr *)&notify->address, notify->address_length);
    if (sent < 0) {
        LOGGER_EVERY(60 * 1000, LOGGER_WARN, "service", "the service manager cannot be told: %s",
                     strerrordesc_np(errno));
    }
}

void notify_ready(struct notify *notify, const char *status)
{
    tell(notify, "READY=1\nSTATUS=%.*s", NOTIFY_STATUS_SIZE - 1, status);
}

void notify_reloading(struct notify *notify)
{
    tell(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_ns() / NS_PER_US);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1\nSTATUS=Ending: the log is written, subscribers are sent away");
}

void notify_alive(struct notify *notify)
{
    tell(notify, "WATCHDOG=1");
}

void notify_extend(struct notify *notify, uint64_t now_ms)
{
    if (now_ms < notify->extend_next_ms) {
        return;
    }
    notify->extend_next_ms = now_ms + NOTIFY_EXTEND_INTERVAL_MS;
    tell(notify, "EXTEND_TIMEOUT_USEC=%d\nSTATUS=Reading the log", NOTIFY_EXTEND_MS * US_PER_MS);
}

// --- sockets handed in ---

// Names are separated by colons; where there are too few of them the rest is "unknown", as
// sd_listen_fds_with_names has it.
static void name_sockets(struct notify_sockets *sockets)
{
    char *rest = sockets->names;
    for (uint32_t i = 0; i < sockets->count; i++) {
        const char *name = strsep(&rest, ":");
        sockets->sockets[i].name = name == NULL || name[0] == 0 ? "unknown" : name;
    }
}

bool notify_take_sockets(struct notify_sockets *sockets, char *message, size_t message_size)
{
    uint64_t process = 0;
    uint64_t count = 0;
    memset(sockets, 0, sizeof(*sockets));
    bool is_ours = take_number("LISTEN_PID", &process) && process == (uint64_t)getpid();
    bool has_count = take_number("LISTEN_FDS", &count);
    const char *names = paths_variable("LISTEN_FDNAMES");
    bool has_names = names != NULL && names[0] != 0;
    bool names_fit = take_variable("LISTEN_FDNAMES", sockets->names, sizeof(sockets->names));
    if (!is_ours || !has_count) {
        return true;
    }
    if (count > NOTIFY_SOCKETS_MAX || (count > 0 && has_names && !names_fit)) {
        (void)snprintf(message, message_size,
                       "the service manager hands in %" PRIu64
                       " sockets; at most %d can be taken, with names of %d bytes together",
                       count, NOTIFY_SOCKETS_MAX, NOTIFY_NAMES_SIZE - 1);
        return false;
    }
    sockets->count = (uint32_t)count;
    for (uint32_t i = 0; i < sockets->count; i++) {
        int fd = FIRST_SOCKET + (int)i;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            (void)snprintf(message, message_size,
                           "LISTEN_FDS says that %" PRIu64 " sockets are handed in, but %d is not "
                           "open",
                           count, fd);
            return false;
        }
        sockets->sockets[i].fd = fd;
    }
    name_sockets(sockets);
    return true;
}
