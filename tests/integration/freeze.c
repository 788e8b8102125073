// Starts a program and stops single threads of it when told, as no signal can:
//     freeze COMMAND [ARGUMENT]...
//
// On standard input: `freeze NAME[,NAME]` stops the threads of these names and answers `frozen`;
// `thaw` lets all that are stopped go on and answers `thawed`. The program's own output and errors
// are this one's; SIGTERM and SIGINT are passed on; it ends as the program does, and takes the
// program with it. By ptrace, which a parent may use on its child.
//
// layer: base
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NAME_BYTES = 16, // what the kernel keeps of a thread's name
    THREADS_MAX = 16,
    ORDER_BYTES = 256,
};

static pid_t frozen[THREADS_MAX];
static size_t frozen_count;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "freeze: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void say(const char *line)
{
    (void)puts(line);
    (void)fflush(stdout);
}

// The thread of this name, or -1.
static pid_t find_thread(pid_t process, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    pid_t found = -1;
    const struct dirent *entry;
    while (found < 0 && tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char comm[NAME_BYTES + 1] = "";
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", process, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file != NULL && fgets(comm, sizeof(comm), file) != NULL) {
            comm[strcspn(comm, "\n")] = 0;
            if (strcmp(comm, name) == 0) {
                found = (pid_t)strtol(entry->d_name, NULL, 10);
            }
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    return found;
}

static void freeze_one(pid_t process, const char *name)
{
    pid_t thread = find_thread(process, name);
    if (thread < 0 || frozen_count == THREADS_MAX) {
        fail("there is no thread %s", name);
    }
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0) {
        fail("cannot stop %s: %s", name, strerror(errno));
    }
    int status = 0;
    if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) {
        fail("%s does not stop", name);
    }
    frozen[frozen_count++] = thread;
}

static void obey(pid_t process, char *order)
{
    char *names = order;
    const char *verb = strsep(&names, " ");
    if (strcmp(verb, "thaw") == 0 && names == NULL) {
        while (frozen_count > 0) {
            (void)ptrace(PTRACE_DETACH, frozen[--frozen_count], NULL, NULL);
        }
        say("thawed");
        return;
    }
    if (strcmp(verb, "freeze") != 0 || names == NULL) {
        fail("not an order: %s", order);
    }
    const char *name;
    while ((name = strsep(&names, ",")) != NULL) {
        freeze_one(process, name);
    }
    say("frozen");
}

// False at the end of the orders.
static bool read_orders(pid_t process)
{
    static char orders[ORDER_BYTES];
    static size_t length;
    ssize_t got = read(STDIN_FILENO, orders + length, sizeof(orders) - length);
    if (got <= 0) {
        return false;
    }
    length += (size_t)got;
    char *end;
    while ((end = memchr(orders, '\n', length)) != NULL) {
        *end = 0;
        obey(process, orders);
        length = (size_t)(orders + length - end - 1);
        memmove(orders, end + 1, length);
    }
    return true;
}

static int run(pid_t process, int signals)
{
    bool has_orders = true;
    for (;;) {
        struct pollfd polls[] = {
            {.fd = signals, .events = POLLIN},
            {.fd = has_orders ? STDIN_FILENO : -1, .events = POLLIN},
        };
        (void)poll(polls, 2, -1);
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            int status = 0;
            if (info.ssi_signo != SIGCHLD) {
                (void)kill(process, (int)info.ssi_signo);
            } else if (waitpid(process, &status, WNOHANG) == process) {
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
        }
        if ((polls[1].revents & (POLLIN | POLLHUP)) != 0) {
            has_orders = read_orders(process);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fail("freeze COMMAND [ARGUMENT]...");
    }
    sigset_t set;
    sigset_t before;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    pid_t parent = getpid();
    pid_t process = fork();
    if (process == 0) {
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            (void)execvp(argv[1], argv + 1);
        }
        fail("cannot start %s: %s", argv[1], strerror(errno));
    }
    int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (process < 0 || signals < 0) {
        fail("cannot start: %s", strerror(errno));
    }
    return run(process, signals);
}
