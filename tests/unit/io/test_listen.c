#include "io/listen.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char error[LISTEN_ERROR_SIZE];

static struct listen_address parsed(const char *text)
{
    struct listen_address address;
    cr_assert_eq(listen_address_parse(&address, text, error, sizeof error), 0, "%s: %s", text,
                 error);
    return address;
}

static void expect_text(const char *text, const char *expected)
{
    struct listen_address address = parsed(text);
    char formatted[LISTEN_ADDRESS_TEXT_SIZE];
    listen_address_format((const struct sockaddr *)&address.storage, address.length, formatted,
                          sizeof formatted);
    cr_assert_str_eq(formatted, expected);
}

Test(listen, reads_addresses)
{
    expect_text("127.0.0.1:8080", "127.0.0.1:8080");
    expect_text("0.0.0.0:0", "0.0.0.0:0");
    expect_text("[::1]:8080", "[::1]:8080");
    expect_text("[::]:65535", "[::]:65535");
    expect_text("[127.0.0.1]:80", "127.0.0.1:80");
    struct listen_address any = parsed("*:8080");
    struct listen_address empty = parsed(":8080");
    cr_assert_eq(any.length, empty.length);
    cr_assert_arr_eq(&any.storage, &empty.storage, any.length);
}

Test(listen, resolves_names)
{
    struct listen_address address = parsed("localhost:8080");
    cr_assert(address.storage.ss_family == AF_INET || address.storage.ss_family == AF_INET6);
}

Test(listen, refuses_what_is_no_address)
{
    static const char *const BAD[] = {
        "",          "8080",        "127.0.0.1",      "127.0.0.1:",      "127.0.0.1:65536",
        "host:-1",   "host:+80",    "host: 80",       "host:80 ",        "host:8o",
        "::1:8080",  "[::1]8080",   "127.0.0.1:http", "127.0.0.1:99999", "host:000080",
        "[::1:8080", "a]b[:80:90x",
    };
    struct listen_address address;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        error[0] = '\0';
        cr_assert_eq(listen_address_parse(&address, BAD[i], error, sizeof error), -EINVAL, "%s",
                     BAD[i]);
        cr_assert_not_null(strstr(error, "HOST:PORT"), "%s", error);
        cr_assert_null(strchr(error, '\n'));
    }
    char long_host[600];
    memset(long_host, 'a', sizeof long_host);
    memcpy(long_host + sizeof long_host - 4, ":80", 4);
    cr_assert_eq(listen_address_parse(&address, long_host, error, sizeof error), -EINVAL);
    cr_assert_eq(listen_address_parse(&address, "256.256.256.256:1", error, sizeof error),
                 -EADDRNOTAVAIL);
    cr_assert_not_null(strstr(error, "256.256.256.256"), "%s", error);
}

Test(listen, formats_other_addresses)
{
    char text[LISTEN_ADDRESS_TEXT_SIZE];
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    listen_address_format((struct sockaddr *)&local, sizeof local.sun_family, text, sizeof text);
    cr_assert_str_eq(text, "unix:");
    memset(local.sun_path, 'p', sizeof local.sun_path);
    listen_address_format((struct sockaddr *)&local, sizeof local, text, sizeof text);
    cr_assert_eq(strlen(text), strlen("unix:") + LISTEN_PATH_SIZE);
    struct sockaddr other = {.sa_family = AF_APPLETALK};
    listen_address_format(&other, sizeof other, text, sizeof text);
    cr_assert_str_eq(text, "unknown");
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    cr_assert_eq(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

Test(listen, chooses_a_port_and_sets_what_accepted_sockets_inherit)
{
    struct listen_address address = parsed("127.0.0.1:0");
    uint16_t port = 0;
    int fd = listen_tcp(&address, false, &port, error, sizeof error);
    cr_assert_geq(fd, 0, "%s", error);
    cr_assert_neq(port, 0);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    int client = socket(AF_INET, SOCK_STREAM, 0);
    listen_address_set_port(&address, port);
    cr_assert_eq(connect(client, (struct sockaddr *)&address.storage, address.length), 0);
    int accepted = accept(fd, NULL, NULL);
    cr_assert_geq(accepted, 0);
    cr_assert_eq(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    cr_assert_eq(option(accepted, IPPROTO_TCP, TCP_NOTSENT_LOWAT), LISTEN_NOTSENT_LOWAT_BYTES);
    // The kernel doubles what is asked for, for its own needs.
    cr_assert_eq(option(accepted, SOL_SOCKET, SO_RCVBUF), 2 * LISTEN_RECEIVE_BUFFER_BYTES);
    close(accepted);
    close(client);
    close(fd);
}

Test(listen, shares_a_port_among_listeners_when_asked)
{
    struct listen_address address = parsed("127.0.0.1:0");
    uint16_t port = 0;
    int first = listen_tcp(&address, true, &port, error, sizeof error);
    cr_assert_geq(first, 0, "%s", error);
    listen_address_set_port(&address, port);
    uint16_t again = 0;
    int second = listen_tcp(&address, true, &again, error, sizeof error);
    cr_assert_geq(second, 0, "%s", error);
    cr_assert_eq(again, port);
    close(first);
    close(second);
}

Test(listen, a_taken_port_is_told_in_one_line)
{
    struct listen_address address = parsed("127.0.0.1:0");
    uint16_t port = 0;
    int fd = listen_tcp(&address, false, &port, error, sizeof error);
    listen_address_set_port(&address, port);
    cr_assert_eq(listen_tcp(&address, false, NULL, error, sizeof error), -EADDRINUSE);
    char expected[LISTEN_ERROR_SIZE];
    snprintf(expected, sizeof expected,
             "cannot listen on 127.0.0.1:%u: Address already in use: another process listens "
             "there; stop it or choose another port",
             port);
    cr_assert_str_eq(error, expected);
    close(fd);
}

Test(listen, an_address_of_another_machine_is_told)
{
    struct listen_address address = parsed("192.0.2.1:0"); // RFC 5737: nobody has it
    cr_assert_eq(listen_tcp(&address, false, NULL, error, sizeof error), -EADDRNOTAVAIL);
    cr_assert_not_null(strstr(error, "does not have that address"), "%s", error);
}

Test(listen, every_address_takes_ipv4_too)
{
    struct listen_address address = parsed("*:0");
    uint16_t port = 0;
    int fd = listen_tcp(&address, false, &port, error, sizeof error);
    cr_assert_geq(fd, 0, "%s", error);
    struct listen_address four = parsed("127.0.0.1:0");
    listen_address_set_port(&four, port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&four.storage, four.length), 0);
    close(client);
    close(fd);
}

// --- Unix ---

static char directory[] = "/tmp/ringcast-listen-XXXXXX";
static char path[64];

static void directory_make(void)
{
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
}

static void directory_remove(void)
{
    unlink(path);
    rmdir(directory);
}

static int client_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

TestSuite(listen_unix, .init = directory_make, .fini = directory_remove);

Test(listen_unix, opens_with_its_mode_and_removes_its_file)
{
    struct listen_unix listener;
    static const mode_t MODES[] = {0600, 0660, 0666, 0777};
    umask(077);
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) {
        cr_assert_eq(listen_unix_open(&listener, path, MODES[i], error, sizeof error), 0, "%s",
                     error);
        struct stat status;
        cr_assert_eq(stat(path, &status), 0);
        cr_assert(S_ISSOCK(status.st_mode));
        cr_assert_eq(status.st_mode & 0777, MODES[i]);
        cr_assert_eq(client_connect(), 0);
        listen_unix_close(&listener);
        cr_assert_eq(listener.fd, -1);
        cr_assert_neq(access(path, F_OK), 0);
        listen_unix_close(&listener);
    }
}

Test(listen_unix, a_live_socket_is_left_alone)
{
    struct listen_unix first;
    struct listen_unix second;
    cr_assert_eq(listen_unix_open(&first, path, 0600, error, sizeof error), 0, "%s", error);
    cr_assert_eq(listen_unix_open(&second, path, 0600, error, sizeof error), -EADDRINUSE);
    cr_assert_eq(second.fd, -1);
    char expected[LISTEN_ERROR_SIZE];
    snprintf(expected, sizeof expected,
             "cannot listen on socket %s: Address already in use: another process listens there; "
             "stop it or choose another path",
             path);
    cr_assert_str_eq(error, expected);
    cr_assert_eq(client_connect(), 0);
    listen_unix_close(&first);
}

Test(listen_unix, a_socket_with_a_full_backlog_is_alive)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int busy = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(busy, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(busy, 0), 0);
    int clients[4];
    for (int i = 0; i < 4; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(clients[i], (struct sockaddr *)&address, sizeof address);
    }
    struct listen_unix listener;
    cr_assert_eq(listen_unix_open(&listener, path, 0600, error, sizeof error), -EADDRINUSE);
    for (int i = 0; i < 4; i++) {
        close(clients[i]);
    }
    close(busy);
}

Test(listen_unix, a_stale_socket_is_replaced)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead); // as a killed process leaves it
    cr_assert_eq(client_connect(), -ECONNREFUSED);
    struct listen_unix listener;
    cr_assert_eq(listen_unix_open(&listener, path, 0600, error, sizeof error), 0, "%s", error);
    cr_assert_eq(client_connect(), 0);
    listen_unix_close(&listener);
}

Test(listen_unix, a_file_of_another_kind_is_never_touched)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    struct listen_unix listener;
    cr_assert_eq(listen_unix_open(&listener, path, 0600, error, sizeof error), -EEXIST);
    cr_assert_not_null(strstr(error, "not a socket"), "%s", error);
    cr_assert_eq(access(path, F_OK), 0);
}

Test(listen_unix, a_successors_file_is_not_removed)
{
    struct listen_unix first;
    struct listen_unix second;
    cr_assert_eq(listen_unix_open(&first, path, 0600, error, sizeof error), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(listen_unix_open(&second, path, 0600, error, sizeof error), 0);
    listen_unix_close(&first);
    cr_assert_eq(client_connect(), 0);
    listen_unix_close(&second);
}

Test(listen_unix, bad_paths_are_told)
{
    struct listen_unix listener;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    cr_assert_eq(listen_unix_open(&listener, long_path, 0600, error, sizeof error), -ENAMETOOLONG);
    cr_assert_not_null(strstr(error, "1 to 107 bytes"), "%s", error);
    cr_assert_eq(listen_unix_open(&listener, "", 0600, error, sizeof error), -ENAMETOOLONG);
    cr_assert_eq(listen_unix_open(&listener, "/nonexistent/a/socket", 0600, error, sizeof error),
                 -ENOENT);
    cr_assert_not_null(strstr(error, "make its directory first"), "%s", error);
}
