// link: tests/unit/base/scratch.c
// The broker as a child process: how it starts, refuses to start, and ends.
#include "app/serve.h"

#include "unit/base/scratch.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATH_SIZE = SCRATCH_PATH_SIZE + 16,
    ARGUMENTS_MAX = 24,
    TEXT_BYTES = 2048,
    SECONDS_MAX = 60
};

static char directory[SCRATCH_PATH_SIZE];

struct child {
    pid_t pid;
    int output; // what it writes on standard output and standard error
    char text[TEXT_BYTES];
    size_t length;
};

static void setup(void)
{
    scratch_make(directory);
}

static void teardown(void)
{
    scratch_remove(directory);
}

TestSuite(serve, .init = setup, .fini = teardown, .timeout = SECONDS_MAX);

// With small tables, a port of its own and everything in the test's directory; `extra` ends with
// NULL.
static void start(struct child *child, char *const *extra)
{
    char socket_path[PATH_SIZE];
    char data_dir[PATH_SIZE];
    (void)snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    (void)snprintf(data_dir, sizeof(data_dir), "%s/data", directory);
    char *arguments[ARGUMENTS_MAX] = {
        (char *)"serve",
        (char *)"--listen",
        (char *)"127.0.0.1:0",
        (char *)"--admin-listen",
        (char *)"none",
        (char *)"--socket",
        socket_path,
        (char *)"--data-dir",
        data_dir,
        (char *)"--segment-bytes",
        (char *)"4MiB",
        (char *)"--connections-max",
        (char *)"100",
        (char *)"--tail-bytes",
        (char *)"16MiB",
    };
    int count = 15;
    for (; *extra != NULL; extra++) {
        arguments[count++] = *extra;
    }
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    memset(child, 0, sizeof(*child));
    child->output = ends[0];
    child->pid = fork();
    cr_assert_geq(child->pid, 0);
    if (child->pid == 0) {
        (void)alarm(SECONDS_MAX);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        exit(cli_serve(count, arguments));
    }
    (void)close(ends[1]);
}

// Reads until `wanted` was written, or until the end. True if it was.
static bool await(struct child *child, const char *wanted)
{
    while (strstr(child->text, wanted) == NULL && child->length + 1 < TEXT_BYTES) {
        ssize_t got =
            read(child->output, child->text + child->length, TEXT_BYTES - 1 - child->length);
        if (got <= 0) {
            break;
        }
        child->length += (size_t)got;
        child->text[child->length] = 0;
    }
    return strstr(child->text, wanted) != NULL;
}

static int end(struct child *child)
{
    int status = 0;
    (void)await(child, "\n\n\n");
    cr_assert_eq(waitpid(child->pid, &status, 0), child->pid);
    (void)close(child->output);
    cr_assert(WIFEXITED(status), "%s", child->text);
    return WEXITSTATUS(status);
}

static uint16_t port_of(const struct child *child)
{
    const char *at = strstr(child->text, "http://127.0.0.1:");
    cr_assert_not_null(at);
    return (uint16_t)strtoul(at + strlen("http://127.0.0.1:"), NULL, 10);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void ask(int fd, const char *request, const char *expected)
{
    char text[TEXT_BYTES] = "";
    size_t length = 0;
    cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while (strstr(text, expected) == NULL && length + 1 < sizeof(text)) {
        ssize_t got = recv(fd, text + length, sizeof(text) - 1 - length, 0);
        cr_assert_gt(got, 0, "the connection ended after: %s", text);
        length += (size_t)got;
        text[length] = 0;
    }
}

static char *nothing[] = {NULL};

static void check_start_and_end(char *const *extra, int number)
{
    struct child child;
    start(&child, extra);
    cr_assert(await(&child, "listening on"), "%s", child.text);
    int health = connect_to(port_of(&child));
    ask(health, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK");
    int stream = connect_to(port_of(&child));
    ask(stream, "GET /streams/a HTTP/1.1\r\nHost: a\r\n\r\n", "retry: 5000");
    cr_assert_eq(kill(child.pid, number), 0);
    ask(stream, "", "retry: "); // goodbye
    cr_assert_eq(end(&child), 0, "%s", child.text);
    (void)close(health);
    (void)close(stream);
}

Test(serve, starts_answers_and_ends_by_signal)
{
    check_start_and_end(nothing, SIGTERM);
    check_start_and_end(nothing, SIGINT);
}

Test(serve, with_many_workers_and_an_old_kernel)
{
    char *extra[] = {(char *)"--workers", (char *)"4", (char *)"--kernel-without",
                     (char *)"newer-than-6.1", NULL};
    check_start_and_end(extra, SIGTERM);
}

Test(serve, with_one_worker_and_small_inboxes)
{
    char *extra[] = {(char *)"--workers",
                     (char *)"1",
                     (char *)"--log-inbox",
                     (char *)"16",
                     (char *)"--worker-inbox",
                     (char *)"512",
                     NULL};
    check_start_and_end(extra, SIGHUP);
}

static void refuse(char *const *extra, const char *expected)
{
    struct child child;
    start(&child, extra);
    cr_assert_eq(end(&child), 1, "%s", child.text);
    cr_assert_not_null(strstr(child.text, expected), "%s", child.text);
    // One line of ours; a sanitizer may add its own.
    cr_assert_eq(strncmp(child.text, "ringcast: ", strlen("ringcast: ")), 0, "%s", child.text);
    cr_assert_null(strstr(child.text, "\nringcast: "), "%s", child.text);
}

Test(serve, tells_that_the_port_is_taken)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    char listen_on[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(listen_on, sizeof(listen_on), "127.0.0.1:%u", ntohs(address.sin_port));
    char *extra[] = {(char *)"--listen", listen_on, NULL};
    refuse(extra, "Address already in use");
    (void)close(fd);
}

Test(serve, tells_that_the_directory_is_locked_and_leaves_the_other_alone)
{
    struct child first;
    start(&first, nothing);
    cr_assert(await(&first, "listening on"), "%s", first.text);
    refuse(nothing, "is in use by another ringcast");
    int fd = connect_to(port_of(&first));
    ask(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK");
    (void)close(fd);
    cr_assert_eq(kill(first.pid, SIGTERM), 0);
    cr_assert_eq(end(&first), 0);
}

Test(serve, tells_that_the_directory_cannot_be_made)
{
    char *extra[] = {(char *)"--data-dir", (char *)"/dev/null/data", NULL};
    refuse(extra, "/dev/null/data cannot be made: Not a directory");
}

Test(serve, tells_that_the_tables_are_too_small)
{
    char *extra[] = {(char *)"--connections-max", (char *)"100000", (char *)"--ring-descriptors",
                     (char *)"64", NULL};
    refuse(extra, "raise the limit of open files");
}

Test(serve, wrong_usage)
{
    struct child child;
    char *extra[] = {(char *)"operand", NULL};
    start(&child, extra);
    cr_assert_eq(end(&child), 2);
}
