// A service manager in small, as systemd is one: runs a command with a NOTIFY_SOCKET, sockets that
// are handed in, and a watchdog, and prints what it is told.
//
//     manager [--watchdog MS] [--tcp NAME | --unix NAME=PATH]... COMMAND...
//
// Prints, each on a line: "port NAME PORT" for each --tcp; "told TEXT" for each datagram, with |
// for line ends. Passes SIGTERM, SIGINT and SIGHUP on. Ends with the command's exit status.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKETS_MAX = 8, FIRST_SOCKET = 3, MOVED_TO = 100, TEXT_SIZE = 2048, TICK_MS = 1000 };

struct handed {
    int fd;
    const char *name;
};

static struct handed handed[SOCKETS_MAX];
static int handed_count;
static char notify_name[64];

static void die(const char *what)
{
    (void)fprintf(stderr, "manager: %s: %s\n", what, strerrordesc_np(errno));
    exit(3); // NOLINT(concurrency-mt-unsafe)
}

static void hand(int fd, const char *name)
{
    if (handed_count == SOCKETS_MAX || listen(fd, SOMAXCONN) != 0) {
        die(name);
    }
    handed[handed_count++] = (struct handed){.fd = fd, .name = name};
}

static void open_tcp(const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        die(name);
    }
    hand(fd, name);
    (void)printf("port %s %d\n", name, ntohs(address.sin_port));
}

static void open_unix(char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *path = strchr(name, '=');
    if (path == NULL) {
        die(name);
    }
    *path = 0;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die(name);
    }
    hand(fd, name);
}

static int open_notify(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int length = snprintf(notify_name, sizeof(notify_name), "@ringcast-manager-%d", (int)getpid());
    memcpy(address.sun_path + 1, notify_name + 1, (size_t)length - 1);
    if (bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) != 0) {
        die("the notification socket");
    }
    return fd;
}

static void set_number(const char *name, long number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%ld", number);
    (void)setenv(name, text, 1); // NOLINT(concurrency-mt-unsafe)
}

_Noreturn static void become_service(char **command, long watchdog_ms)
{
    char names[TEXT_SIZE] = "";
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    // Out of the way first: one of them may have the number that another is to get.
    for (int i = 0; i < handed_count; i++) {
        handed[i].fd = fcntl(handed[i].fd, F_DUPFD_CLOEXEC, MOVED_TO);
    }
    for (int i = 0; i < handed_count; i++) {
        (void)dup2(handed[i].fd, FIRST_SOCKET + i);
        size_t length = strlen(names);
        (void)snprintf(names + length, sizeof(names) - length, "%s%s", i == 0 ? "" : ":",
                       handed[i].name);
    }
    if (handed_count > 0) {
        set_number("LISTEN_PID", getpid());
        set_number("LISTEN_FDS", handed_count);
        (void)setenv("LISTEN_FDNAMES", names, 1); // NOLINT(concurrency-mt-unsafe)
    }
    (void)setenv("NOTIFY_SOCKET", notify_name, 1); // NOLINT(concurrency-mt-unsafe)
    if (watchdog_ms > 0) {
        set_number("WATCHDOG_PID", getpid());
        set_number("WATCHDOG_USEC", watchdog_ms * 1000);
    }
    (void)execv(command[0], command);
    die(command[0]);
    _exit(3);
}

static void hear(int notify_fd)
{
    char text[TEXT_SIZE];
    ssize_t length = 0;
    while ((length = recv(notify_fd, text, sizeof(text) - 1, 0)) > 0) {
        text[length] = 0;
        for (char *end = strchr(text, '\n'); end != NULL; end = strchr(end, '\n')) {
            *end = '|';
        }
        (void)printf("told %s\n", text);
    }
    (void)fflush(stdout);
}

static int watch(pid_t service, int notify_fd, int signal_fd)
{
    for (;;) {
        struct pollfd polls[] = {{.fd = notify_fd, .events = POLLIN},
                                 {.fd = signal_fd, .events = POLLIN}};
        (void)poll(polls, 2, TICK_MS);
        hear(notify_fd);
        struct signalfd_siginfo info;
        while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            if (info.ssi_signo != SIGCHLD) {
                (void)kill(service, (int)info.ssi_signo);
            }
        }
        int status = 0;
        if (waitpid(service, &status, WNOHANG) == service) {
            hear(notify_fd);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
}

int main(int argc, char **argv)
{
    long watchdog_ms = 0;
    int next = 1;
    for (; next + 1 < argc && strncmp(argv[next], "--", 2) == 0; next += 2) {
        if (strcmp(argv[next], "--watchdog") == 0) {
            watchdog_ms = strtol(argv[next + 1], NULL, 10);
        } else if (strcmp(argv[next], "--tcp") == 0) {
            open_tcp(argv[next + 1]);
        } else {
            open_unix(argv[next + 1]);
        }
    }
    (void)fflush(stdout);
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    int notify_fd = open_notify();
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t service = fork();
    if (service < 0 || next >= argc) {
        die("no command");
    }
    if (service == 0) {
        become_service(argv + next, watchdog_ms);
    }
    return watch(service, notify_fd, signal_fd);
}
