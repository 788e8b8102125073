// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// What many requests at once take of a round: no more than their share, so that subscribers do not
// wait for all of them.
#include "fake_log.h"

#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 2 * SHARD_REQUEST_SHARE };

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
    struct fake_options options = {
        .shard = {.connections_max = CLIENTS + 100, .descriptors_per_ring_max = 4 * CLIENTS}};
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
