// layer: base
// link: perf/loadgen/post.c
// link: perf/loadgen/target.c
// link: perf/loadgen/template.c
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
// link: perf/loadgen/answer.c
//
// The server's side is played by the test, in the same thread: connections wait in the listener's
// queue, and bytes in the sockets.
#include "../perf/loadgen/post.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 5000,
    TEXT_SIZE = 4096,
};

static struct target target;
static struct post post;
static char error[320];
static int listener = -1;
static int served = -1; // the connection last accepted

static void serve(void)
{
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(listen(listener, 16), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    memcpy(&target.address, &address, sizeof address);
    target.address_length = sizeof address;
    (void)snprintf(target.authority, sizeof target.authority, "127.0.0.1:%u",
                   ntohs(address.sin_port));
}

static void stop(void)
{
    post_close(&post);
    close(listener);
    if (served >= 0) {
        close(served);
    }
}

TestSuite(post, .init = serve, .fini = stop);

static void wait_for_input(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1);
}

static void server_accept(void)
{
    wait_for_input(listener);
    if (served >= 0) {
        close(served);
    }
    served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(served, 0);
}

static void open_with_depth(uint32_t depth)
{
    cr_assert_eq(post_open(&post, &target, depth, error, sizeof error), 0, "%s", error);
    server_accept();
}

static void append(const char *head, const char *body)
{
    cr_assert_eq(post_append(&post, slice_of(head), slice_of(body)), 0);
}

// What has to arrive at the server next.
static void server_expect(const char *text)
{
    char bytes[TEXT_SIZE] = "";
    size_t length = 0;
    while (length < strlen(text)) {
        wait_for_input(served);
        ssize_t got = recv(served, bytes + length, strlen(text) - length, 0);
        cr_assert_gt(got, 0);
        length += (size_t)got;
    }
    cr_assert_str_eq(bytes, text);
}

static void server_answer(const char *text)
{
    cr_assert_eq(send(served, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static int receive(void)
{
    wait_for_input(post.fd);
    return post_receive(&post);
}

Test(post, one_request_and_its_answer)
{
    open_with_depth(1);
    append("head ", "body");
    cr_assert(post_is_full(&post));
    cr_assert(post_has_unsent(&post));
    cr_assert_eq(post_send(&post), 0);
    cr_assert_not(post_has_unsent(&post));
    server_expect("head body");
    cr_assert_eq(post_receive(&post), 0);
    cr_assert_eq(post.count, 1);
    server_answer("HTTP/1.1 204 No Content\r\n\r\n");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 0);
    cr_assert_not(post_is_full(&post));
}

Test(post, as_many_as_allowed_are_unanswered)
{
    open_with_depth(3);
    append("1", "a");
    append("2", "bb");
    append("3", "");
    cr_assert(post_is_full(&post));
    cr_assert_eq(post_send(&post), 0);
    server_expect("1a2bb3");
    server_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 202 Accepted\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 2);
    append("4", "d");
    cr_assert(post_is_full(&post));
    cr_assert_eq(post_send(&post), 0);
    server_expect("4d");
    server_answer("0\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 0);
}

Test(post, what_is_behind_the_last_answer_goes_over_a_new_connection)
{
    open_with_depth(3);
    append("1", "");
    append("2", "");
    append("3", "");
    cr_assert_eq(post_send(&post), 0);
    server_expect("123");
    server_answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 2);
    cr_assert_lt(post.fd, 0);
    cr_assert_eq(post_send(&post), 0);
    server_accept();
    server_expect("23");
    server_answer("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 0);
}

Test(post, a_body_may_end_with_the_connection)
{
    open_with_depth(2);
    append("1", "");
    cr_assert_eq(post_send(&post), 0);
    server_expect("1");
    server_answer("HTTP/1.0 200 OK\r\n\r\nas long as it lasts");
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 1);
    shutdown(served, SHUT_WR);
    cr_assert_eq(receive(), 0);
    cr_assert_eq(post.count, 0);
}

Test(post, an_idle_connection_may_be_closed)
{
    open_with_depth(1);
    shutdown(served, SHUT_RDWR);
    cr_assert_eq(receive(), 0);
    cr_assert_lt(post.fd, 0);
    append("1", "");
    cr_assert_eq(post_send(&post), 0);
    server_accept();
    server_expect("1");
}

Test(post, one_that_owes_answers_may_not)
{
    open_with_depth(2);
    append("1", "");
    append("2", "");
    cr_assert_eq(post_send(&post), 0);
    server_expect("12");
    shutdown(served, SHUT_RDWR);
    cr_assert_eq(receive(), -ECONNRESET);
    cr_assert_not_null(strstr(error, "left 2 requests unanswered"), "%s", error);
}

Test(post, other_answers_are_failures)
{
    open_with_depth(1);
    append("1", "");
    cr_assert_eq(post_send(&post), 0);
    server_expect("1");
    server_answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno token");
    cr_assert_eq(receive(), -EPROTO);
    cr_assert_not_null(strstr(error, "answered 403: no token"), "%s", error);
}

Test(post, an_answer_that_nothing_was_asked_for_is_a_failure)
{
    open_with_depth(1);
    server_answer("HTTP/1.1 204 No\r\n\r\n");
    cr_assert_eq(receive(), -EBADMSG);
}

Test(post, what_is_no_http_is_a_failure)
{
    open_with_depth(1);
    append("1", "");
    cr_assert_eq(post_send(&post), 0);
    server_answer("+OK\r\n");
    cr_assert_eq(receive(), -EBADMSG);
    cr_assert_not_null(strstr(error, "not HTTP"), "%s", error);
}

Test(post, a_refusal_of_a_request_too_long_to_be_read_is_told)
{
    open_with_depth(1);
    static char body[8 << 20];
    memset(body, 'x', sizeof body - 1);
    append("1", body);
    cr_assert_eq(post_send(&post), 0);
    cr_assert(post_has_unsent(&post), "the sockets cannot hold all of it");
    server_answer("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    cr_assert_eq(receive(), -EPROTO);
    cr_assert_not_null(strstr(error, "answered 413"), "%s", error);
}

Test(post, nobody_there)
{
    close(listener);
    cr_assert_eq(post_open(&post, &target, 1, error, sizeof error), -ECONNREFUSED);
    cr_assert_not_null(strstr(error, "Connection refused"), "%s", error);
}
