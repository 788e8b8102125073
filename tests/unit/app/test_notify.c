#include "app/notify.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// A manager's end, at an abstract address of its own, which stands in NOTIFY_SOCKET.
static int listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int length = snprintf(name, sizeof(name), "@ringcast-notify-%d", (int)getpid());
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
    cr_assert_eq(bind(manager, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
                 0);
    (void)setenv("NOTIFY_SOCKET", name, 1);
    return manager;
}

static const char *hear(int manager)
{
    static char text[1024];
    ssize_t length = recv(manager, text, sizeof(text) - 1, 0);
    text[length < 0 ? 0 : length] = 0;
    return text;
}

Test(notify, without_a_manager_nobody_is_told)
{
    struct notify notify;
    (void)unsetenv("NOTIFY_SOCKET");
    (void)setenv("WATCHDOG_USEC", "1000000", 1);
    notify_open(&notify);
    cr_assert_eq(notify.fd, -1);
    cr_assert_eq(notify.watchdog_ms, 0, "nobody is there to be told");
    notify_ready(&notify, "ready");
    notify_alive(&notify);
    notify_close(&notify);
}

Test(notify, each_message_is_one_datagram)
{
    struct notify notify;
    int manager = listen_as_manager();
    notify_open(&notify);
    cr_assert_null(getenv("NOTIFY_SOCKET"), "a child does not speak for us");
    notify_ready(&notify, "all is well");
    cr_assert_str_eq(hear(manager), "READY=1\nSTATUS=all is well");
    notify_reloading(&notify);
    cr_assert_eq(strncmp(hear(manager), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    notify_stopping(&notify);
    cr_assert_eq(strncmp(hear(manager), "STOPPING=1\nSTATUS=", 18), 0);
    notify_alive(&notify);
    cr_assert_str_eq(hear(manager), "WATCHDOG=1");
    notify_close(&notify);
    notify_alive(&notify);
    cr_assert_str_eq(hear(manager), "", "closed: nothing more");
}

Test(notify, a_long_status_is_cut)
{
    struct notify notify;
    char status[2 * NOTIFY_STATUS_SIZE];
    int manager = listen_as_manager();
    memset(status, 'x', sizeof(status) - 1);
    status[sizeof(status) - 1] = 0;
    notify_open(&notify);
    notify_ready(&notify, status);
    cr_assert_eq(strlen(hear(manager)), strlen("READY=1\nSTATUS=") + NOTIFY_STATUS_SIZE - 1);
}

Test(notify, more_time_is_asked_for_now_and_then)
{
    struct notify notify;
    int manager = listen_as_manager();
    notify_open(&notify);
    notify_extend(&notify, 1000);
    cr_assert_eq(strncmp(hear(manager), "EXTEND_TIMEOUT_USEC=30000000\n", 29), 0);
    notify_extend(&notify, 1000 + NOTIFY_EXTEND_INTERVAL_MS - 1);
    cr_assert_str_eq(hear(manager), "");
    notify_extend(&notify, 1000 + NOTIFY_EXTEND_INTERVAL_MS);
    cr_assert_str_neq(hear(manager), "");
}

Test(notify, the_watchdog_is_for_this_process_alone)
{
    struct notify notify;
    char process[32];
    (void)listen_as_manager();
    (void)setenv("WATCHDOG_USEC", "2500000", 1);
    (void)snprintf(process, sizeof(process), "%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", process, 1);
    notify_open(&notify);
    cr_assert_eq(notify.watchdog_ms, 2500);
    notify_close(&notify);
    cr_assert_null(getenv("WATCHDOG_USEC"));

    (void)setenv("NOTIFY_SOCKET", "@ringcast-nobody", 1);
    (void)setenv("WATCHDOG_USEC", "2500000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    notify_open(&notify);
    cr_assert_eq(notify.watchdog_ms, 0);
    notify_alive(&notify); // nobody is there: no harm
    notify_close(&notify);
}

Test(notify, an_address_that_is_none_is_left_alone)
{
    struct notify notify;
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = 0;
    const char *addresses[] = {"vsock:2:1234", "relative", longest, ""};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        (void)setenv("NOTIFY_SOCKET", addresses[i], 1);
        notify_open(&notify);
        cr_assert_eq(notify.fd, -1, "%s", addresses[i]);
    }
}

// --- sockets handed in ---

static void hand_in(const char *count, const char *names, int process)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%d", process);
    (void)setenv("LISTEN_PID", text, 1);
    (void)setenv("LISTEN_FDS", count, 1);
    if (names != NULL) {
        (void)setenv("LISTEN_FDNAMES", names, 1);
    } else {
        (void)unsetenv("LISTEN_FDNAMES");
    }
}

// Descriptors from 3 on are the test runner's, so what needs them is done in a child of its own:
// each of these returns the line of what is wrong, or 0.
#define CHECK(condition)     \
    do {                     \
        if (!(condition)) {  \
            return __LINE__; \
        }                    \
    } while (0)

static void in_child(int (*check)(void))
{
    int status = 0;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        int line = check();
        if (line != 0) {
            (void)fprintf(stderr, "%s:%d fails\n", __FILE__, line);
        }
        _exit(line == 0 ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

// As the manager leaves them: `count` of them, from 3 on, and no others behind.
static void open_from_three(int count)
{
    int null = open("/dev/null", O_RDONLY);
    for (int fd = 3; fd < 3 + 32; fd++) {
        if (fd < 3 + count) {
            (void)dup2(null, fd);
            (void)fcntl(fd, F_SETFD, 0);
        } else {
            (void)close(fd);
        }
    }
}

static int take_four(void)
{
    static const char *const names[] = {"public", "tls", "unknown", "producers"};
    struct notify_sockets sockets;
    char message[LISTEN_ERROR_SIZE];
    open_from_three(4);
    hand_in("4", "public:tls::producers", (int)getpid());
    CHECK(notify_take_sockets(&sockets, message, sizeof(message)));
    CHECK(sockets.count == 4);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(sockets.sockets[i].fd == 3 + (int)i);
        CHECK(strcmp(sockets.sockets[i].name, names[i]) == 0);
        CHECK(fcntl(sockets.sockets[i].fd, F_GETFD) == FD_CLOEXEC);
    }
    CHECK(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL);
    CHECK(notify_take_sockets(&sockets, message, sizeof(message)));
    CHECK(sockets.count == 0); // they were taken
    return 0;
}

Test(notify, sockets_come_with_their_names)
{
    in_child(take_four);
}

static int take_nameless(void)
{
    struct notify_sockets sockets;
    char message[LISTEN_ERROR_SIZE];
    open_from_three(2);
    hand_in("2", NULL, (int)getpid());
    CHECK(notify_take_sockets(&sockets, message, sizeof(message)));
    CHECK(sockets.count == 2);
    CHECK(strcmp(sockets.sockets[1].name, "unknown") == 0);
    return 0;
}

Test(notify, sockets_without_names_are_unknown)
{
    in_child(take_nameless);
}

Test(notify, sockets_of_another_process_are_not_ours)
{
    struct notify_sockets sockets;
    char message[LISTEN_ERROR_SIZE];
    hand_in("2", "public:admin", 1);
    cr_assert(notify_take_sockets(&sockets, message, sizeof(message)));
    cr_assert_eq(sockets.count, 0);
    cr_assert_null(getenv("LISTEN_PID"));
    hand_in("two", "public", (int)getpid());
    cr_assert(notify_take_sockets(&sockets, message, sizeof(message)));
    cr_assert_eq(sockets.count, 0);
}

static int take_too_much(void)
{
    struct notify_sockets sockets;
    char message[LISTEN_ERROR_SIZE];
    char names[NOTIFY_NAMES_SIZE + 8];
    hand_in("17", "public", (int)getpid());
    CHECK(!notify_take_sockets(&sockets, message, sizeof(message)));
    CHECK(strstr(message, "hands in 17 sockets; at most 16") != NULL);

    memset(names, 'n', sizeof(names) - 1);
    names[sizeof(names) - 1] = 0;
    open_from_three(1);
    hand_in("1", names, (int)getpid());
    CHECK(!notify_take_sockets(&sockets, message, sizeof(message)));

    hand_in("16", "public", (int)getpid());
    CHECK(!notify_take_sockets(&sockets, message, sizeof(message)));
    CHECK(strcmp(message, "LISTEN_FDS says that 16 sockets are handed in, but 4 is not open") == 0);
    return 0;
}

Test(notify, what_cannot_be_taken_is_told)
{
    in_child(take_too_much);
}
