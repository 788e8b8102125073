#include "io/listen.h"

#include "base/assert.h"
#include "io/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HOST_SIZE = 256, // a host name has at most 253 characters
};

// --- addresses ---

// Splits "HOST:PORT" at the last colon; a host in brackets loses them. False when it has not that
// form.
static bool address_split(const char *text, char host[static HOST_SIZE], const char **port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL) {
        return false;
    }
    const char *start = text;
    size_t length = (size_t)(colon - text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(text, ':', length) != NULL || memchr(text, '[', length) != NULL) {
        return false; // an IPv6 address wants its brackets
    }
    if (length >= HOST_SIZE) {
        return false;
    }
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

static bool port_parse(const char *text, uint16_t *port)
{
    size_t length = strlen(text);
    if (length < 1 || length > 5 || strspn(text, "0123456789") != length) {
        return false;
    }
    unsigned long value = strtoul(text, NULL, 10);
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    bool can_bind = bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    return can_bind;
}

static void address_set_any(struct listen_address *address)
{
    if (has_ipv6()) {
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
        memcpy(&address->storage, &any, sizeof any);
        address->length = sizeof any;
    } else {
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
        memcpy(&address->storage, &any, sizeof any);
        address->length = sizeof any;
    }
}

static int address_resolve(struct listen_address *address, const char *host, char *error,
                           size_t error_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, NULL, &hints, &found);
    if (result != 0) {
        snprintf(error, error_size,
                 "cannot listen on host '%s': %s; give an address of this machine", host,
                 result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
        return -EADDRNOTAVAIL;
    }
    ASSERT(found->ai_addrlen <= sizeof address->storage);
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

bool listen_address_is_well_formed(const char *text)
{
    char host[HOST_SIZE];
    const char *port_text = NULL;
    uint16_t port = 0;
    return address_split(text, host, &port_text) && port_parse(port_text, &port);
}

int listen_address_parse(struct listen_address *address, const char *text, char *error,
                         size_t error_size)
{
    char host[HOST_SIZE];
    const char *port_text = NULL;
    uint16_t port = 0;
    memset(address, 0, sizeof *address);
    if (!address_split(text, host, &port_text) || !port_parse(port_text, &port)) {
        snprintf(error, error_size,
                 "'%.128s' is not an address to listen on: write HOST:PORT, as 127.0.0.1:8080, "
                 "[::1]:8080 or *:8080",
                 text);
        return -EINVAL;
    }
    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        address_set_any(address);
    } else {
        int result = address_resolve(address, host, error, error_size);
        if (result < 0) {
            return result;
        }
    }
    listen_address_set_port(address, port);
    return 0;
}

void listen_address_set_port(struct listen_address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    } else {
        ASSERT(address->storage.ss_family == AF_INET);
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    }
}

void listen_address_format(const struct sockaddr *address, socklen_t length, char *text,
                           size_t text_size)
{
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(text, text_size, "%s:%u", host, ntohs(in.sin_port));
    } else if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
        snprintf(text, text_size, "[%s]:%u", host, ntohs(in.sin6_port));
    } else if (address->sa_family == AF_UNIX && length <= sizeof(struct sockaddr_un)) {
        // An unnamed peer has no path; an abstract name begins with a zero byte and is left out.
        struct sockaddr_un local = {0};
        memcpy(&local, address, length);
        snprintf(text, text_size, "unix:%.*s", LISTEN_PATH_SIZE, local.sun_path);
    } else {
        snprintf(text, text_size, "unknown");
    }
}

// --- TCP ---

static int fail_tcp(int error_number, const char *where, char *error, size_t error_size)
{
    const char *advice = "";
    switch (error_number) {
    case EADDRINUSE:
        advice = ": another process listens there; stop it or choose another port";
        break;
    case EACCES:
        advice = ": ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one";
        break;
    case EADDRNOTAVAIL: advice = ": this machine does not have that address"; break;
    case EMFILE: advice = ": raise RLIMIT_NOFILE (ulimit -n)"; break;
    case EAFNOSUPPORT: advice = ": this machine does not speak that kind of address"; break;
    default: break;
    }
    snprintf(error, error_size, "cannot listen on %s: %s%s", where, strerror(error_number), advice);
    return -error_number;
}

static int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

// What accepted sockets inherit. SO_RCVBUF is best set before listen, since it bounds the window
// that is offered in the handshake; the keep-alives find peers that vanished while nothing was
// sent.
static int inherited_options_set(int fd)
{
    const struct {
        int level, name, value;
    } inherited[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTEN_NOTSENT_LOWAT_BYTES},
        {SOL_SOCKET, SO_RCVBUF, LISTEN_RECEIVE_BUFFER_BYTES},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, LISTEN_KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, LISTEN_KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, LISTEN_KEEPALIVE_PROBES},
    };
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof inherited / sizeof inherited[0]; i++) {
        result = option_set(fd, inherited[i].level, inherited[i].name, inherited[i].value);
    }
    return result;
}

static int tcp_options_set(int fd, bool is_ipv6, bool reuse_port)
{
    int result = option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && reuse_port) {
        result = option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (result == 0 && is_ipv6) {
        // "[::]" is every address whatever net.ipv6.bindv6only says.
        result = option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    return result != 0 ? result : inherited_options_set(fd);
}

int listen_tcp(const struct listen_address *address, bool reuse_port, uint16_t *port, char *error,
               size_t error_size)
{
    char where[LISTEN_ADDRESS_TEXT_SIZE];
    listen_address_format((const struct sockaddr *)&address->storage, address->length, where,
                          sizeof where);
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail_tcp(errno, where, error, error_size);
    }
    int result = tcp_options_set(fd, address->storage.ss_family == AF_INET6, reuse_port);
    if (result == 0 &&
        (bind(fd, (const struct sockaddr *)&address->storage, address->length) != 0 ||
         listen(fd, LISTEN_BACKLOG) != 0)) {
        result = -errno;
    }
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } real = {0};
    socklen_t real_length = sizeof real;
    if (result == 0 && getsockname(fd, &real.any, &real_length) != 0) {
        result = -errno;
    }
    if (result < 0) {
        close(fd);
        return fail_tcp(-result, where, error, error_size);
    }
    if (port != NULL) {
        *port = ntohs(real.any.sa_family == AF_INET6 ? real.six.sin6_port : real.four.sin_port);
    }
    return fd;
}

// --- handed in ---

static int option_get(int fd, int name)
{
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -errno;
}

int listen_adopt(int fd, struct listen_address *address, char *error, size_t error_size)
{
    memset(address, 0, sizeof *address);
    address->length = sizeof address->storage;
    int domain = option_get(fd, SO_DOMAIN);
    bool is_known = domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX;
    if (!is_known || option_get(fd, SO_TYPE) != SOCK_STREAM || option_get(fd, SO_ACCEPTCONN) != 1 ||
        getsockname(fd, (struct sockaddr *)&address->storage, &address->length) != 0) {
        snprintf(error, error_size,
                 "cannot listen on descriptor %d: it is no listening stream socket of TCP or Unix",
                 fd);
        return -EINVAL;
    }
    int flags = fcntl(fd, F_GETFL);
    int result = fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : -errno;
    if (result == 0 && domain != AF_UNIX) {
        result = inherited_options_set(fd);
    }
    if (result != 0) {
        snprintf(error, error_size, "cannot listen on descriptor %d: %s", fd, strerror(-result));
    }
    return result;
}

// --- Unix ---

static int fail_unix(int error_number, const char *path, const char *advice, char *error,
                     size_t error_size)
{
    snprintf(error, error_size, "cannot listen on socket %s: %s%s", path, strerror(error_number),
             advice);
    return -error_number;
}

// Whether somebody answers at `path`: 0 if nobody does (stale), else -errno of what to report.
static int unix_probe(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    // Non-blocking: a listener whose backlog is full is alive as well (EAGAIN).
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    close(fd);
    switch (result) {
    case ECONNREFUSED:
    case ENOENT: return 0;
    case EACCES:
    case EPERM: return -result;
    default: return -EADDRINUSE;
    }
}

// Binds; a stale socket file is removed first. Returns 0 or -errno.
static int unix_bind(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *generic = (const struct sockaddr *)address;
    if (bind(fd, generic, sizeof *address) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return -errno;
    }
    int result = unix_probe(address);
    if (result < 0) {
        return result;
    }
    if (unlink(address->sun_path) != 0 && errno != ENOENT) {
        return -errno;
    }
    return bind(fd, generic, sizeof *address) == 0 ? 0 : -errno;
}

static int fail_unix_bind(int error_number, const char *path, char *error, size_t error_size)
{
    const char *advice = "";
    switch (error_number) {
    case EADDRINUSE:
        advice = ": another process listens there; stop it or choose another path";
        break;
    case EEXIST: advice = ": it is not a socket; remove it or choose another path"; break;
    case ENOENT: advice = ": make its directory first"; break;
    case EACCES:
    case EPERM: advice = ": no permission for that directory or socket"; break;
    default: break;
    }
    return fail_unix(error_number, path, advice, error, error_size);
}

int listen_unix_open(struct listen_unix *listener, const char *path, mode_t mode, char *error,
                     size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    STATIC_ASSERT(sizeof address.sun_path == LISTEN_PATH_SIZE, "the kernel's limit");
    memset(listener, 0, sizeof *listener);
    listener->fd = -1;
    size_t length = strlen(path);
    if (length == 0 || length >= LISTEN_PATH_SIZE) {
        snprintf(error, error_size,
                 "cannot listen on socket '%.128s': a path has 1 to %d bytes; choose a shorter one",
                 path, LISTEN_PATH_SIZE - 1);
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, length + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail_unix(errno, path, "", error, error_size);
    }
    // The file gets the socket's own mode, less the umask: no moment in which it is more open.
    int result = fchmod(fd, mode & 0777) == 0 ? 0 : -errno;
    if (result == 0) {
        result = unix_bind(fd, &address);
    }
    if (result < 0) {
        close(fd);
        return fail_unix_bind(-result, path, error, error_size);
    }
    // What the umask took away comes back before anybody can connect.
    struct stat status;
    if (chmod(path, mode & 0777) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ||
        stat(path, &status) != 0) {
        result = -errno;
        unlink(path);
        close(fd);
        return fail_unix(-result, path, "", error, error_size);
    }
    listener->fd = fd;
    memcpy(listener->path, path, length + 1);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

void listen_unix_close(struct listen_unix *listener)
{
    if (listener->fd < 0) {
        return;
    }
    // Removed first: whoever starts now finds either us, listening, or no file.
    struct stat status;
    if (lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode) {
        unlink(listener->path);
    }
    close(listener->fd);
    listener->fd = -1;
}
