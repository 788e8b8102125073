// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Many requests at once: what they take of a round, and what the log's inbox does not take of them.
#include "fake_log.h"

#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = SHARD_REQUEST_SHARE + SHARD_REQUEST_SHARE / 2 };

static struct task *first;
static struct task **last = &first;
static uint32_t task_count;

TestSuite(worker_share, .timeout = 60);

static void take(struct task *chain)
{
    *last = chain;
    for (struct task *task = chain; task != NULL; task = task->next) {
        last = &task->next;
        task_count++;
    }
}

// Until the worker has looked at so many; the log is not run meanwhile.
static void wait_requests(uint64_t count)
{
    const volatile uint64_t *requests = &fake_worker()->shard.stats.requests;
    for (int i = 0; i < 5000 && *requests < count; i++) {
        usleep(1000);
    }
    cr_assert_eq(*requests, count);
}

static void wait_until_asleep(void)
{
    do {
        fake_run(20);
    } while (!atomic_load(&fake_worker()->loop.asleep));
}

static void ask_for_times(int client)
{
    int on = 1;
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
}

// When the last of what a client was sent arrived, by the kernel's clock.
static uint64_t arrival(int client)
{
    char bytes[4096];
    struct iovec piece = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    _Alignas(struct cmsghdr) char control[256];
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    cr_assert_gt(recvmsg(client, &message, 0), 0);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(part), sizeof(time));
            return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
        }
    }
    cr_assert_fail("it does not say when it came");
    return 0;
}

Test(worker_share, news_do_not_wait_for_many_answers)
{
    struct fake_options options = {.shard = {.descriptors_per_ring_max = 4 * CLIENTS},
                                   .terms = {.connections_max = CLIENTS + 100}};
    fake_start(&options);
    fake_on_tasks(take);
    struct fake_text text = {0};
    int subscriber = fake_get("/streams/a", "");
    fake_expect(subscriber, &text, "retry: 5000\n\n");
    ask_for_times(subscriber);
    static int clients[CLIENTS];
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = fake_connect("DELETE /streams/b HTTP/1.1\r\nHost: x\r\n\r\n", 0);
        ask_for_times(clients[i]);
        fake_round(0);
    }
    for (int i = 0; i < 1000 && task_count < CLIENTS; i++) {
        fake_run(5);
    }
    cr_assert_eq(task_count, CLIENTS);
    wait_until_asleep();
    fake_answer_tasks(first);      // one round finds this,
    fake_publish_one("a", "news"); // and this
    wait_until_asleep();
    uint64_t answered = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        uint64_t at = arrival(clients[i]);
        answered = at > answered ? at : answered;
        close(clients[i]);
    }
    cr_expect_lt(arrival(subscriber), answered);
    close(subscriber);
    fake_stop();
    fake_text_free(&text);
}

// Of many subscriptions there is no room for the tasks, nor for all subscriptions.
Test(worker_share, what_a_full_inbox_does_not_take_goes_out_later)
{
    enum { EACH = 40 };
    struct fake_options options = {.log_inbox_capacity = 16};
    fake_start(&options);
    fake_on_tasks(take);
    int subscribers[EACH];
    int askers[EACH];
    for (uint32_t i = 0; i < EACH; i++) {
        char target[32];
        snprintf(target, sizeof(target), "/streams/%u", i);
        subscribers[i] = fake_get(target, "");
        char request[64];
        snprintf(request, sizeof(request), "DELETE /streams/%02u HTTP/1.1\r\nHost: x\r\n\r\n", i);
        askers[i] = fake_connect(request, 0);
        wait_requests(2 * i + 2);
    }
    close(askers[EACH / 2]); // its task goes all the same
    for (int i = 0; i < 1000 && task_count < EACH; i++) {
        fake_run(5);
    }
    cr_assert_eq(task_count, EACH);
    uint32_t next = 0;
    for (const struct task *task = first; task != NULL; task = task->next) {
        char name[16];
        snprintf(name, sizeof(name), "%02u", next++);
        cr_expect(slice_equal_text(task->stream, name), "in their order");
    }
    fake_answer_tasks(first);
    for (uint32_t i = 0; i < EACH; i++) {
        struct fake_text text = {0};
        fake_expect(subscribers[i], &text, "retry: 5000\n\n");
        fake_text_free(&text);
        if (i != EACH / 2) {
            fake_expect(askers[i], &text, "HTTP/1.1 204 ");
            close(askers[i]);
            fake_text_free(&text);
        }
        close(subscribers[i]);
    }
    for (int i = 0; i < 1000 && pool_used(&fake_worker()->shard.contexts) > 0; i++) {
        fake_run(5);
    }
    cr_expect_eq(pool_used(&fake_worker()->shard.contexts), 0);
    fake_stop();
}
