#include "app/listeners.h"

#include "app/threads.h"
#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_DEFAULT       "127.0.0.1:8080"
#define ADMIN_LISTEN_DEFAULT "127.0.0.1:9180"
#define NO_LISTENER          "none"

// --- what the settings say ---

// Which of the settings, for what goes wrong.
struct source {
    const char *flag;
    const struct setting_texts *texts;
    const char *default_text;
    bool is_admin;
};

static int complain(const struct source *source, const char *what, char *message,
                    size_t message_size)
{
    (void)snprintf(message, message_size, "%s: %s", source->flag, what);
    return -EINVAL;
}

static void listener_init(struct listener *listener)
{
    *listener = (struct listener){.handed_fd = -1, .local.fd = -1};
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        listener->fds[i] = -1;
    }
}

static int add(struct listeners *listeners, const struct source *source, struct slice text,
               char *message, size_t message_size)
{
    char fault[LISTEN_ERROR_SIZE];
    if (listeners->count == LISTENERS_MAX) {
        (void)snprintf(fault, sizeof(fault),
                       "there are more than %d listeners with --listen and "
                       "--admin-listen together",
                       LISTENERS_MAX);
        return complain(source, fault, message, message_size);
    }
    struct listener *listener = &listeners->each[listeners->count];
    listener_init(listener);
    if (listen_spec_parse(&listener->spec, text, fault, sizeof(fault)) != 0) {
        return complain(source, fault, message, message_size);
    }
    const struct listen_spec *spec = &listener->spec;
    listener->flags = (uint8_t)((spec->has_tls ? SHARD_LISTENER_TLS : 0) |
                                (spec->has_proxy ? SHARD_LISTENER_PROXY : 0) |
                                (spec->is_unix ? SHARD_LISTENER_UNIX : 0) |
                                (source->is_admin ? SHARD_LISTENER_ADMIN : 0));
    listeners->count++;
    return 0;
}

static int add_source(struct listeners *listeners, const struct source *source, char *message,
                      size_t message_size)
{
    if (source->texts->count == 0) {
        return add(listeners, source, slice_of(source->default_text), message, message_size);
    }
    int result = 0;
    for (uint32_t i = 0; i < source->texts->count && result == 0; i++) {
        struct slice text = slice_of(source->texts->texts[i]);
        if (text.length == 0) {
            result = complain(source, "an address may not be empty", message, message_size);
        } else if (!source->is_admin || !slice_equal_text(text, NO_LISTENER)) {
            result = add(listeners, source, text, message, message_size);
        }
    }
    return result;
}

int listeners_read(struct listeners *listeners, const struct options *options, char *message,
                   size_t message_size)
{
    const struct source sources[] = {
        {"--listen", &options->listen, LISTEN_DEFAULT, false},
        {"--admin-listen", &options->admin_listen, ADMIN_LISTEN_DEFAULT, true},
    };
    listeners->count = 0;
    int result = add_source(listeners, &sources[0], message, message_size);
    return result != 0 ? result : add_source(listeners, &sources[1], message, message_size);
}

static bool is_admin(const struct listener *listener)
{
    return (listener->flags & SHARD_LISTENER_ADMIN) != 0;
}

// --- handed in ---

// The flags that a name stands for. False: it is no name of ours.
static bool flags_of_name(const char *name, uint8_t *flags)
{
    static const struct {
        const char *name;
        uint8_t flags;
    } names[] = {{"public", 0}, {"tls", SHARD_LISTENER_TLS}, {"admin", SHARD_LISTENER_ADMIN}};
    struct slice rest = slice_of(name);
    struct slice first = slice_split(&rest, ',');
    bool has_proxy = slice_equal_text(rest, "proxy");
    if (rest.at != NULL && !has_proxy) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal_text(first, names[i].name)) {
            *flags = names[i].flags | (has_proxy ? SHARD_LISTENER_PROXY : 0);
            return true;
        }
    }
    return false;
}

// Takes those out that are, or that are not, for administrators.
static void drop(struct listeners *listeners, bool are_admin)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < listeners->count; i++) {
        if (is_admin(&listeners->each[i]) != are_admin) {
            listeners->each[kept++] = listeners->each[i];
        }
    }
    listeners->count = kept;
}

static int take_handed(struct listeners *listeners, const struct listen_handed *handed,
                       uint8_t flags, char *message, size_t message_size)
{
    if (listeners->count == LISTENERS_MAX) {
        (void)snprintf(message, message_size, "there are more than %d listeners", LISTENERS_MAX);
        return -EINVAL;
    }
    struct listener *listener = &listeners->each[listeners->count++];
    listener_init(listener);
    listener->handed_fd = handed->fd;
    int result = listen_adopt(handed->fd, &listener->address, message, message_size);
    bool is_unix = result == 0 && listener->address.storage.ss_family == AF_UNIX;
    listener->flags = flags | (is_unix ? SHARD_LISTENER_UNIX : 0);
    return result;
}

int listeners_take_handed(struct listeners *listeners, const struct notify_sockets *sockets,
                          char *message, size_t message_size)
{
    bool are_dropped[2] = {false, false};
    int result = 0;
    for (uint32_t i = 0; i < sockets->count && result == 0; i++) {
        const struct listen_handed *handed = &sockets->sockets[i];
        uint8_t flags = 0;
        if (strcmp(handed->name, LISTENERS_PRODUCERS) == 0) {
            continue;
        }
        if (!flags_of_name(handed->name, &flags)) {
            (void)snprintf(
                message, message_size,
                "a socket was handed in with the name '%.64s'; names (FileDescriptorName) "
                "are public, tls, admin and producers",
                handed->name);
            return -EINVAL;
        }
        bool are_admin = (flags & SHARD_LISTENER_ADMIN) != 0;
        if (!are_dropped[are_admin]) {
            are_dropped[are_admin] = true;
            drop(listeners, are_admin);
        }
        result = take_handed(listeners, handed, flags, message, message_size);
    }
    return result;
}

static void format_one(const struct listener *listener, char text[static LISTEN_ADDRESS_TEXT_SIZE])
{
    if (listener->handed_fd < 0 && listener->spec.is_unix) {
        (void)snprintf(text, LISTEN_ADDRESS_TEXT_SIZE, "unix:%.*s", LISTEN_PATH_SIZE - 1,
                       listener->spec.place);
    } else {
        listen_address_format((const struct sockaddr *)&listener->address.storage,
                              listener->address.length, text, LISTEN_ADDRESS_TEXT_SIZE);
    }
}

// What is said of a listener that is not opened yet is its spec's.
static void name_one(const struct listener *listener, char text[static LISTEN_ADDRESS_TEXT_SIZE])
{
    if (listener->handed_fd >= 0) {
        format_one(listener, text);
    } else {
        (void)snprintf(text, LISTEN_ADDRESS_TEXT_SIZE, "%.*s", LISTEN_ADDRESS_TEXT_SIZE - 1,
                       listener->spec.place);
    }
}

int listeners_check(const struct listeners *listeners, const struct options *options, char *message,
                    size_t message_size)
{
    bool has_proxies = options->trusted_proxies != NULL && options->trusted_proxies[0] != 0;
    for (uint32_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->each[i];
        char name[LISTEN_ADDRESS_TEXT_SIZE];
        name_one(listener, name);
        if ((listener->flags & SHARD_LISTENER_TLS) != 0 && options->tls_certificates.count == 0) {
            (void)snprintf(message, message_size,
                           "--tls-certificate: the listener %s,tls needs one, and its --tls-key",
                           name);
            return -EINVAL;
        }
        bool needs_proxies = (listener->flags & SHARD_LISTENER_PROXY) != 0 &&
                             (listener->flags & SHARD_LISTENER_UNIX) == 0;
        if (needs_proxies && !has_proxies) {
            (void)snprintf(message, message_size,
                           "--trusted-proxies: the listener %s,proxy takes connections of these "
                           "alone, and there are none",
                           name);
            return -EINVAL;
        }
    }
    return 0;
}

int listeners_find_producers(const struct notify_sockets *sockets, char path[LISTEN_PATH_SIZE],
                             char *message, size_t message_size)
{
    int found = 0;
    for (uint32_t i = 0; i < sockets->count; i++) {
        const struct listen_handed *handed = &sockets->sockets[i];
        if (strcmp(handed->name, LISTENERS_PRODUCERS) != 0) {
            continue;
        }
        struct listen_address address;
        if (found != 0 || listen_adopt(handed->fd, &address, message, message_size) != 0 ||
            address.storage.ss_family != AF_UNIX) {
            (void)snprintf(
                message, message_size,
                "producers are handed in one listening Unix stream socket; this is more, "
                "or another");
            return -EINVAL;
        }
        found = handed->fd;
        memcpy(path, ((struct sockaddr_un *)&address.storage)->sun_path, LISTEN_PATH_SIZE);
        path[LISTEN_PATH_SIZE - 1] = 0;
    }
    return found;
}

// --- open ---

// Several listeners share a port through SO_REUSEPORT, which would also let a second broker of the
// same user in: so the port must be had alone first.
static int claim_port(const struct listen_address *address, char *message, size_t message_size)
{
    uint64_t until_ms = 0;
    int fd = 0;
    do {
        fd = listen_tcp(address, false, NULL, message, message_size);
    } while (fd == -EADDRINUSE && threads_wait_for_address(&until_ms));
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd < 0 ? fd : 0;
}

static int open_tcp(struct listener *listener, unsigned workers, char *message, size_t message_size)
{
    unsigned count = is_admin(listener) ? 1 : workers;
    int result =
        listen_address_parse(&listener->address, listener->spec.place, message, message_size);
    if (result == 0) {
        result = claim_port(&listener->address, message, message_size);
    }
    for (unsigned i = 0; result == 0 && i < count; i++) {
        uint16_t port = 0;
        int fd = listen_tcp(&listener->address, count > 1, &port, message, message_size);
        if (fd < 0) {
            return fd;
        }
        listen_address_set_port(&listener->address, port);
        listener->fds[i] = fd;
    }
    return result;
}

static int open_unix(struct listener *listener, char *message, size_t message_size)
{
    uint64_t until_ms = 0;
    int result = 0;
    do {
        result = listen_unix_open(&listener->local, listener->spec.place, listener->spec.mode,
                                  message, message_size);
    } while (result == -EADDRINUSE && threads_wait_for_address(&until_ms));
    return result;
}

int listeners_open(struct listeners *listeners, unsigned workers, char *message,
                   size_t message_size)
{
    ASSERT(workers >= 1 && workers <= WORKERS_MAX);
    int result = 0;
    for (uint32_t i = 0; i < listeners->count && result == 0; i++) {
        struct listener *listener = &listeners->each[i];
        if (listener->handed_fd >= 0) {
            continue;
        }
        result = listener->spec.is_unix ? open_unix(listener, message, message_size)
                                        : open_tcp(listener, workers, message, message_size);
    }
    return result;
}

void listeners_close(struct listeners *listeners)
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->each[i];
        listen_unix_close(&listener->local);
        if (listener->handed_fd >= 0) {
            (void)close(listener->handed_fd);
        }
        for (unsigned worker = 0; worker < WORKERS_MAX; worker++) {
            if (listener->fds[worker] >= 0) {
                (void)close(listener->fds[worker]);
            }
        }
    }
    listeners->count = 0;
}

void listeners_of_worker(const struct listeners *listeners, unsigned worker,
                         struct shard_listener own[static LISTENERS_MAX])
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->each[i];
        bool is_others = is_admin(listener) && worker != 0;
        int fd = listener->spec.is_unix ? listener->local.fd : listener->fds[worker];
        fd = listener->handed_fd >= 0 ? listener->handed_fd : fd;
        own[i] = (struct shard_listener){.fd = is_others ? -1 : fd, .flags = listener->flags};
    }
}

static void append_one(const struct listener *listener, char text[static LISTENERS_TEXT_SIZE])
{
    char address[LISTEN_ADDRESS_TEXT_SIZE];
    format_one(listener, address);
    size_t length = strlen(text);
    bool is_unix = (listener->flags & SHARD_LISTENER_UNIX) != 0;
    const char *scheme = (listener->flags & SHARD_LISTENER_TLS) != 0 ? "https://" : "http://";
    (void)snprintf(text + length, LISTENERS_TEXT_SIZE - length, "%s%s%s%s", length == 0 ? "" : ", ",
                   is_admin(listener) ? "admin on " : "", is_unix ? "" : scheme, address);
}

void listeners_format(const struct listeners *listeners, char text[static LISTENERS_TEXT_SIZE])
{
    text[0] = 0;
    for (unsigned pass = 0; pass < 2; pass++) { // those for administrators last
        for (uint32_t i = 0; i < listeners->count; i++) {
            const struct listener *listener = &listeners->each[i];
            if (is_admin(listener) == (pass == 1)) {
                append_one(listener, text);
            }
        }
    }
}
