#include "app/watchdog.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000, STEP_MS = INTERVAL_MS / WATCHDOG_LOOKS };

struct rig {
    struct notify notify;
    struct watchdog watchdog;
    struct loop *loops[2];
    int manager;
};

static struct loop *make_loop(void)
{
    const struct loop_config config = {.name = "test"};
    char error[LOOP_ERROR_SIZE];
    struct loop *loop = aligned_alloc(_Alignof(struct loop), sizeof(*loop));
    cr_assert_not_null(loop);
    cr_assert_eq(loop_init(loop, &config, error, sizeof(error)), 0, "%s", error);
    return loop;
}

static void open_rig(struct rig *rig)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    rig->manager = ends[0];
    // A connected socket needs no address.
    rig->notify = (struct notify){.fd = ends[1], .watchdog_ms = INTERVAL_MS};
    watchdog_open(&rig->watchdog, &rig->notify, 0);
    for (size_t i = 0; i < 2; i++) {
        rig->loops[i] = make_loop();
        watchdog_add(&rig->watchdog, rig->loops[i]);
    }
}

static void close_rig(struct rig *rig)
{
    for (size_t i = 0; i < 2; i++) {
        loop_free(rig->loops[i]);
        free(rig->loops[i]);
    }
    notify_close(&rig->notify);
    (void)close(rig->manager);
}

static unsigned count_told(const struct rig *rig)
{
    char text[64];
    unsigned told = 0;
    while (recv(rig->manager, text, sizeof(text), 0) > 0) {
        told++;
    }
    return told;
}

// As a round of the loop does.
static void answer(struct rig *rig, size_t loop)
{
    atomic_store(&rig->loops[loop]->woken, false);
}

Test(watchdog, it_is_told_while_all_answer)
{
    struct rig rig;
    open_rig(&rig);
    for (uint64_t now_ms = 0; now_ms < 3 * INTERVAL_MS; now_ms += STEP_MS) {
        watchdog_look(&rig.watchdog, now_ms);
        cr_assert_eq(rig.watchdog.next_ms, now_ms + STEP_MS);
        cr_assert(loop_is_woken(rig.loops[0]), "each is asked");
        answer(&rig, 0);
        answer(&rig, 1);
        watchdog_look(&rig.watchdog, now_ms + STEP_MS - 1);
        cr_assert_eq(count_told(&rig), 1, "and not before it is time");
    }
    close_rig(&rig);
}

Test(watchdog, it_is_not_told_of_a_thread_that_is_stuck)
{
    struct rig rig;
    open_rig(&rig);
    watchdog_look(&rig.watchdog, 0);
    cr_assert_eq(count_told(&rig), 1);
    answer(&rig, 0);
    for (uint64_t now_ms = STEP_MS; now_ms < 10 * STEP_MS; now_ms += STEP_MS) {
        watchdog_look(&rig.watchdog, now_ms);
        cr_assert_eq(count_told(&rig), 0);
    }
    loop_wake(rig.loops[0], NULL); // by somebody else: its answer counts all the same
    answer(&rig, 1);
    watchdog_look(&rig.watchdog, 10 * STEP_MS);
    cr_assert_eq(count_told(&rig), 1, "it got on");
    close_rig(&rig);
}

Test(watchdog, without_an_interval_nobody_is_asked)
{
    struct notify notify = {.fd = -1};
    struct watchdog watchdog;
    watchdog_open(&watchdog, &notify, 5);
    cr_assert_eq(watchdog.next_ms, UINT64_MAX);
    watchdog_look(&watchdog, UINT64_MAX - 1);
    cr_assert_eq(watchdog.next_ms, UINT64_MAX);
}
