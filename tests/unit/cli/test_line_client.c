#include "cli/line_client.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// A broker for one connection: reads a line, answers with the pieces, closes.
struct fake {
    char directory[32];
    char path[64];
    int listener;
    const char *pieces[4];
    char request[256];
    pthread_t thread;
};

static void *serve(void *context)
{
    struct fake *fake = context;
    int fd = accept(fake->listener, NULL, NULL);
    size_t length = 0;
    while (length + 1 < sizeof(fake->request) && recv(fd, fake->request + length, 1, 0) == 1 &&
           fake->request[length] != '\n') {
        length++;
    }
    for (size_t i = 0; i < 4 && fake->pieces[i] != NULL; i++) {
        (void)send(fd, fake->pieces[i], strlen(fake->pieces[i]), MSG_NOSIGNAL);
        (void)usleep(2000);
    }
    (void)close(fd);
    return NULL;
}

static void start(struct fake *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(fake->directory, "/tmp/ringcast-line-XXXXXX");
    cr_assert_not_null(mkdtemp(fake->directory));
    (void)snprintf(fake->path, sizeof(fake->path), "%s/s", fake->directory);
    (void)strcpy(address.sun_path, fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fake->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fake->listener, 1), 0);
    cr_assert_eq(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void end(struct fake *fake)
{
    (void)pthread_join(fake->thread, NULL);
    (void)close(fake->listener);
    (void)unlink(fake->path);
    (void)rmdir(fake->directory);
}

Test(line_client, an_answer_in_pieces, .timeout = 30)
{
    struct fake fake = {.pieces = {"{\"a\"", ":1}", "\nmore"}};
    struct buffer answer;
    char message[LINE_CLIENT_MESSAGE_SIZE];
    buffer_init(&answer, 1 << 20);
    start(&fake);
    cr_assert(line_client_ask(fake.path, slice_of("{\"op\":\"status\"}"), &answer, message));
    end(&fake);
    cr_assert(slice_equal_text(buffer_slice(&answer), "{\"a\":1}"));
    cr_assert_str_eq(fake.request, "{\"op\":\"status\"}\n");
    buffer_free(&answer);
}

Test(line_client, a_broker_that_closes, .timeout = 30)
{
    struct fake fake = {.pieces = {"cut", NULL}};
    struct buffer answer;
    char message[LINE_CLIENT_MESSAGE_SIZE];
    buffer_init(&answer, 1 << 20);
    start(&fake);
    cr_assert_not(line_client_ask(fake.path, slice_of("x"), &answer, message));
    end(&fake);
    cr_assert_str_eq(message, "the broker does not answer: Connection reset by peer");
    buffer_free(&answer);
}

Test(line_client, nobody_there)
{
    struct buffer answer;
    char message[LINE_CLIENT_MESSAGE_SIZE];
    buffer_init(&answer, 64);
    cr_assert_not(line_client_ask("/nonexistent/s", slice_of("x"), &answer, message));
    cr_assert_str_eq(message, "cannot connect to /nonexistent/s: No such file or directory: is the "
                              "broker running, with this --socket?");
    cr_assert_not(line_client_ask("", slice_of("x"), &answer, message));
    buffer_free(&answer);
}
