// liburing's call that sets a ring up is replaced here: a function of its name in the program comes
// before the shared library's. It refuses what it is told to, and else passes the call on.
#include "io/loop_setup.h"

#include "io/loop.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static int refused_with;       // every set-up fails so; 0: none
static uint32_t flags_unknown; // a set-up with one of these fails with -EINVAL, as on an old kernel
static uint32_t features_missing; // taken out of what the kernel tells
static uint32_t calls;
static uint32_t flags_seen;

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *params)
{
    static int (*real)(unsigned, struct io_uring *, struct io_uring_params *);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
        cr_assert_not_null(found);
        memcpy(&real, &found, sizeof real);
    }
    calls++;
    flags_seen = params->flags;
    if (refused_with != 0) {
        return -refused_with;
    }
    if ((params->flags & flags_unknown) != 0) {
        return -EINVAL;
    }
    int result = real(entries, ring, params);
    params->features &= ~features_missing;
    return result;
}

static char error[LOOP_ERROR_SIZE];

static uint32_t features_got(uint32_t wanted)
{
    struct io_uring uring;
    uint32_t features = wanted;
    calls = 0;
    cr_assert_eq(loop_setup_ring(&uring, 64, 256, &features, error, sizeof error), 0, "%s", error);
    cr_assert(flags_seen & IORING_SETUP_R_DISABLED);
    cr_assert(flags_seen & IORING_SETUP_CQSIZE);
    cr_assert_eq(uring.cq.ring_entries, 256);
    io_uring_queue_exit(&uring);
    return features;
}

Test(loop_setup, takes_all_that_the_kernel_has)
{
    cr_assert_eq(features_got(LOOP_FEATURES_ALL), LOOP_FEATURE_SINGLE_ISSUER |
                                                      LOOP_FEATURE_DEFER_TASKRUN |
                                                      LOOP_FEATURE_TASKRUN_FLAG);
    cr_assert_eq(calls, 1);
    cr_assert(flags_seen & IORING_SETUP_SUBMIT_ALL);
    cr_assert(flags_seen & IORING_SETUP_CLAMP);
}

Test(loop_setup, peels_flags_off_one_by_one)
{
    flags_unknown = IORING_SETUP_TASKRUN_FLAG;
    cr_assert_eq(features_got(LOOP_FEATURES_ALL),
                 LOOP_FEATURE_SINGLE_ISSUER | LOOP_FEATURE_DEFER_TASKRUN);
    cr_assert_eq(calls, 2);
    flags_unknown |= IORING_SETUP_DEFER_TASKRUN;
    cr_assert_eq(features_got(LOOP_FEATURES_ALL), LOOP_FEATURE_SINGLE_ISSUER);
    cr_assert_eq(calls, 3);
    flags_unknown |= IORING_SETUP_SINGLE_ISSUER;
    cr_assert_eq(features_got(LOOP_FEATURES_ALL), 0);
    cr_assert(flags_seen & IORING_SETUP_SUBMIT_ALL);
    flags_unknown |= IORING_SETUP_SUBMIT_ALL;
    cr_assert_eq(features_got(LOOP_FEATURES_ALL), 0);
    cr_assert_not(flags_seen & IORING_SETUP_SUBMIT_ALL);
    cr_assert(flags_seen & IORING_SETUP_CLAMP);
    flags_unknown |= IORING_SETUP_CLAMP;
    cr_assert_eq(features_got(LOOP_FEATURES_ALL), 0);
    cr_assert_eq(calls, 6);
}

Test(loop_setup, gives_up_when_nothing_helps)
{
    struct io_uring uring;
    uint32_t features = LOOP_FEATURES_ALL;
    flags_unknown = IORING_SETUP_CQSIZE;
    cr_assert_eq(loop_setup_ring(&uring, 64, 256, &features, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "Linux 6.1"), "%s", error);
}

Test(loop_setup, a_flag_is_not_asked_for_without_what_it_needs)
{
    cr_assert_eq(features_got(LOOP_FEATURES_ALL & ~(uint32_t)LOOP_FEATURE_DEFER_TASKRUN),
                 LOOP_FEATURE_SINGLE_ISSUER);
    cr_assert_eq(features_got(LOOP_FEATURES_ALL & ~(uint32_t)LOOP_FEATURE_SINGLE_ISSUER), 0);
    cr_assert_eq(calls, 1);
    cr_assert_eq(features_got(LOOP_FEATURES_ALL & ~(uint32_t)LOOP_FEATURE_TASKRUN_FLAG),
                 LOOP_FEATURE_SINGLE_ISSUER | LOOP_FEATURE_DEFER_TASKRUN);
}

Test(loop_setup, a_blocked_io_uring_stops_the_loop_with_a_clear_line)
{
    static const struct {
        int error_number;
        const char *says;
    } CASES[] = {
        {EPERM, "io_uring is blocked"},
        {EACCES, "io_uring is blocked"},
        {ENOSYS, "no io_uring"},
        {ENOMEM, "RLIMIT_MEMLOCK"},
        {EMFILE, "RLIMIT_NOFILE"},
        {ENFILE, "fs.file-max"},
        {EFAULT, "cannot set up io_uring"},
    };
    static struct loop loop;
    struct loop_config config = {.name = "log"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        refused_with = CASES[i].error_number;
        cr_assert_eq(loop_init(&loop, &config, error, sizeof error), -CASES[i].error_number);
        cr_assert_eq(strncmp(error, "log: ", 5), 0, "%s", error);
        cr_assert_not_null(strstr(error, CASES[i].says), "%s", error);
        cr_assert_null(strchr(error, '\n'));
    }
}

Test(loop_setup, an_old_io_uring_is_refused)
{
    struct io_uring uring;
    uint32_t features = LOOP_FEATURES_ALL;
    features_missing = IORING_FEAT_CQE_SKIP;
    cr_assert_eq(loop_setup_ring(&uring, 64, 256, &features, error, sizeof error), -EOPNOTSUPP);
    cr_assert_not_null(strstr(error, "too old"), "%s", error);
}

Test(loop_setup, a_kernel_before_6_3_has_no_doorbells_by_message)
{
    features_missing = 1U << 13; // IORING_FEAT_REG_REG_RING
    struct loop_config config = {0};
    struct loop *loop = fixture_loop_init(&config);
    // liburing copies the features that the set-up told into the ring before we take them out.
    loop->rings[0].uring.features &= ~features_missing;
    uint32_t features = 0;
    cr_assert_eq(loop_setup_probe(&loop->rings[0].uring, &features, error, sizeof error), 0);
    cr_assert_eq(features & (LOOP_FEATURE_MSG_RING | LOOP_FEATURE_SEND_FD), 0);
    loop_free(loop);
    free(loop);
}

static const char *explained(int error_number, int sysctl_value)
{
    loop_setup_explain(error_number, sysctl_value, 8 << 20, error, sizeof error);
    cr_assert_lt(strlen(error), sizeof error - 1, "cut off: %s", error);
    return error;
}

Test(loop_setup, explains_the_cause_and_the_way_out)
{
    cr_assert_not_null(strstr(explained(EPERM, 2), "kernel.io_uring_disabled is 2"));
    cr_assert_not_null(strstr(explained(EPERM, 2), "sysctl -w kernel.io_uring_disabled=0"));
    cr_assert_not_null(strstr(explained(EPERM, 1), "kernel.io_uring_group"));
    cr_assert_not_null(strstr(explained(EPERM, 0), "seccomp"));
    cr_assert_not_null(strstr(explained(EPERM, 0), "kernel.io_uring_disabled is 0"));
    cr_assert_not_null(strstr(explained(EPERM, LOOP_SYSCTL_ABSENT), "absent"));
    cr_assert_not_null(strstr(explained(ENOSYS, LOOP_SYSCTL_ABSENT), "Linux 6.1"));
    cr_assert_not_null(strstr(explained(ENOMEM, 0), "8388608 bytes"));
}
