#include "app/listeners.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct options options;
static struct listeners listeners;
static char message[512];
static char directory[] = "/tmp/rc-listeners-XXXXXX";
static char path[64];

static void setup(void)
{
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/s", directory);
}

static void teardown(void)
{
    (void)unlink(path);
    (void)rmdir(directory);
}

TestSuite(listeners, .init = setup, .fini = teardown);

static void add(struct setting_texts *texts, const char *text)
{
    texts->texts[texts->count++] = text;
}

static int read_them(void)
{
    return listeners_read(&listeners, &options, message, sizeof(message));
}

Test(listeners, defaults)
{
    cr_assert_eq(read_them(), 0);
    cr_assert_eq(listeners.count, 2);
    cr_assert_str_eq(listeners.each[0].spec.place, "127.0.0.1:8080");
    cr_assert_eq(listeners.each[0].flags, 0);
    cr_assert_str_eq(listeners.each[1].spec.place, "127.0.0.1:9180");
    cr_assert_eq(listeners.each[1].flags, SHARD_LISTENER_ADMIN);
}

Test(listeners, several_and_none)
{
    add(&options.listen, "a:1");
    add(&options.listen, "unix:/b c,proxy");
    add(&options.listen, "[::1]:2");
    add(&options.admin_listen, "none");
    cr_assert_eq(read_them(), 0, "%s", message);
    cr_assert_eq(listeners.count, 3);
    cr_assert_eq(listeners.each[1].flags, SHARD_LISTENER_UNIX | SHARD_LISTENER_PROXY);
    cr_assert_str_eq(listeners.each[2].spec.place, "[::1]:2");
}

Test(listeners, what_is_wrong)
{
    add(&options.listen, "none");
    cr_assert_eq(read_them(), -EINVAL);
    cr_assert_not_null(strstr(message, "--listen: 'none': this is no address"), "%s", message);
    options.listen.texts[0] = "";
    cr_assert_eq(read_them(), -EINVAL);
    cr_assert_str_eq(message, "--listen: an address may not be empty");
    options.listen.texts[0] = "a:1";
    for (int i = 0; i < 7; i++) {
        add(&options.listen, "a:2");
    }
    cr_assert_eq(read_them(), -EINVAL);
    cr_assert_str_eq(message, "--admin-listen: there are more than 8 listeners with --listen and "
                              "--admin-listen together");
}

Test(listeners, what_they_need_of_other_settings)
{
    add(&options.listen, "127.0.0.1:0,tls");
    add(&options.listen, "unix:/a,proxy");
    cr_assert_eq(read_them(), 0);
    cr_assert_eq(listeners_check(&listeners, &options, message, sizeof(message)), -EINVAL);
    cr_assert_str_eq(message, "--tls-certificate: the listener 127.0.0.1:0,tls needs one, and its "
                              "--tls-key");
    add(&options.tls_certificates, "a");
    cr_assert_eq(listeners_check(&listeners, &options, message, sizeof(message)), 0, "%s", message);
    add(&options.listen, "127.0.0.1:1,proxy");
    cr_assert_eq(read_them(), 0);
    cr_assert_eq(listeners_check(&listeners, &options, message, sizeof(message)), -EINVAL);
    cr_assert_not_null(strstr(message, "--trusted-proxies: the listener 127.0.0.1:1,proxy"), "%s",
                       message);
    options.trusted_proxies = "10.0.0.0/8";
    cr_assert_eq(listeners_check(&listeners, &options, message, sizeof(message)), 0, "%s", message);
}

Test(listeners, opened_for_each_worker)
{
    char unix_spec[96];
    (void)snprintf(unix_spec, sizeof(unix_spec), "unix:%s,mode=0640", path);
    add(&options.listen, "127.0.0.1:0");
    add(&options.listen, unix_spec);
    add(&options.admin_listen, "127.0.0.1:0");
    cr_assert_eq(read_them(), 0, "%s", message);
    cr_assert_eq(listeners_open(&listeners, 2, message, sizeof(message)), 0, "%s", message);
    struct shard_listener first[LISTENERS_MAX];
    struct shard_listener second[LISTENERS_MAX];
    listeners_of_worker(&listeners, 0, first);
    listeners_of_worker(&listeners, 1, second);
    cr_assert(first[0].fd >= 0 && second[0].fd >= 0 && first[0].fd != second[0].fd);
    cr_assert(first[1].fd >= 0 && first[1].fd == second[1].fd, "a Unix socket is all workers'");
    cr_assert(first[2].fd >= 0 && second[2].fd == -1, "administrators are worker 0's");
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0640);
    char text[LISTENERS_TEXT_SIZE];
    char expected[LISTENERS_TEXT_SIZE];
    const struct sockaddr_in *one = (const struct sockaddr_in *)&listeners.each[0].address.storage;
    const struct sockaddr_in *other =
        (const struct sockaddr_in *)&listeners.each[2].address.storage;
    (void)snprintf(expected, sizeof(expected),
                   "http://127.0.0.1:%u, unix:%s, admin on http://127.0.0.1:%u",
                   ntohs(one->sin_port), path, ntohs(other->sin_port));
    listeners_format(&listeners, text);
    cr_assert_str_eq(text, expected);
    listeners_close(&listeners);
    cr_assert_eq(stat(path, &status), -1, "its file goes with it");
}

// --- handed in ---

static struct notify_sockets sockets;

static int hand(const char *name)
{
    struct listen_address address;
    cr_assert_eq(listen_address_parse(&address, "127.0.0.1:0", message, sizeof(message)), 0);
    int fd = listen_tcp(&address, false, NULL, message, sizeof(message));
    cr_assert_geq(fd, 0);
    sockets.sockets[sockets.count++] = (struct listen_handed){.fd = fd, .name = name};
    return fd;
}

static int take(void)
{
    cr_assert_eq(read_them(), 0);
    return listeners_take_handed(&listeners, &sockets, message, sizeof(message));
}

Test(listeners, handed_ones_take_the_place_of_their_kind)
{
    int one = hand("public");
    hand("public,proxy");
    cr_assert_eq(take(), 0, "%s", message);
    cr_assert_eq(listeners.count, 3);
    cr_assert_str_eq(listeners.each[0].spec.place, "127.0.0.1:9180", "the other kind stays");
    cr_assert_eq(listeners.each[2].flags, SHARD_LISTENER_PROXY);
    struct shard_listener own[LISTENERS_MAX];
    listeners_of_worker(&listeners, 1, own);
    cr_assert_eq(own[1].fd, one, "all workers accept from it");
    char text[LISTENERS_TEXT_SIZE];
    listeners_format(&listeners, text);
    cr_assert_eq(strncmp(text, "http://127.0.0.1:", 17), 0, "%s", text);
    cr_assert_null(strchr(strstr(text, "admin on "), ','), "%s: those come last", text);
    listeners_close(&listeners);
    cr_assert_eq(close(one), -1, "the descriptor was taken over");
}

Test(listeners, handed_ones_of_other_names_and_kinds)
{
    hand("ringcast.socket");
    cr_assert_eq(take(), -EINVAL);
    cr_assert_not_null(strstr(message, "'ringcast.socket'"), "%s", message);
    sockets.count = 0;
    int pipe_ends[2];
    cr_assert_eq(pipe(pipe_ends), 0);
    sockets.sockets[sockets.count++] = (struct listen_handed){.fd = pipe_ends[0], .name = "admin"};
    cr_assert_eq(take(), -EINVAL);
    cr_assert_not_null(strstr(message, "no listening stream socket"), "%s", message);
    listeners_close(&listeners);
}

Test(listeners, producers_are_handed_in_one_unix_socket)
{
    char found[LISTEN_PATH_SIZE] = "";
    struct listen_unix local;
    cr_assert_eq(listeners_find_producers(&sockets, found, message, sizeof(message)), 0);
    cr_assert_eq(listen_unix_open(&local, path, 0600, message, sizeof(message)), 0);
    sockets.sockets[sockets.count++] = (struct listen_handed){.fd = local.fd, .name = "producers"};
    cr_assert_eq(listeners_find_producers(&sockets, found, message, sizeof(message)), local.fd);
    cr_assert_str_eq(found, path);
    cr_assert_eq(take(), 0);
    cr_assert_eq(listeners.count, 2, "it is no client's");
    hand("producers");
    cr_assert_eq(listeners_find_producers(&sockets, found, message, sizeof(message)), -EINVAL);
    listen_unix_close(&local);
}
