// liburing's submit is replaced here (a function of its name in the program comes before the shared
// library's): it fails as a kernel that is short of memory does.
#include "io/loop.h"

#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

enum {
    OP_NOP = 1,
};

static int failures_left;
static int failure;
static uint32_t failed;

int io_uring_submit(struct io_uring *ring)
{
    static int (*real)(struct io_uring *);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "io_uring_submit");
        cr_assert_not_null(found);
        memcpy(&real, &found, sizeof real);
    }
    if (failures_left > 0) {
        failures_left--;
        failed++;
        return failure;
    }
    return real(ring);
}

static uint32_t seen_next;

static void see_in_order(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                         int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)loop;
    (void)ring;
    (void)cqe_flags;
    cr_assert_eq(result, 0);
    cr_assert_eq(loop_tag_slot(user_data), seen_next);
    seen_next++;
}

// Every entry is submitted once and in order, however often the kernel refuses.
static void submits_all(int error, int failures)
{
    struct loop_config config = {.sq_entries = 8};
    struct loop *loop = fixture_loop_open(&config);
    loop_set_handler(loop, OP_NOP, see_in_order, NULL);
    loop_round(loop, 0);
    seen_next = 0;
    failed = 0;
    failure = error;
    for (uint32_t i = 0; i < 100; i++) {
        if (i % 20 == 0) {
            failures_left = failures;
        }
        struct io_uring_sqe *sqe = loop_sqe(loop, 0);
        io_uring_prep_nop(sqe);
        sqe->user_data = loop_tag(OP_NOP, i, 0);
    }
    failures_left = failures;
    loop_submit(loop);
    cr_assert_eq(io_uring_sq_ready(loop_ring(loop, 0)), 0, "all, when it returns");
    FIXTURE_ROUNDS_UNTIL(loop, seen_next == 100);
    cr_assert_gt(failed, 0);
    fixture_loop_close(loop);
}

Test(loop_submit, goes_on_when_the_kernel_has_memory_again, .timeout = 30)
{
    submits_all(-EAGAIN, 5);
    submits_all(-EBUSY, 5);
    submits_all(-ENOMEM, 1);
}

Test(loop_submit, goes_on_after_a_signal, .timeout = 30)
{
    submits_all(-EINTR, 3);
}

Test(loop_submit, goes_on_when_nothing_was_taken, .timeout = 30)
{
    submits_all(0, 3);
}

Test(loop_submit, an_unknown_error_is_caught, .signal = SIGABRT, .timeout = 30)
{
    submits_all(-EBADF, 1);
}
