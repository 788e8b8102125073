// layer: base
// link: perf/loadgen/usage.c
// link: perf/loadgen/proc_file.c
#include "../perf/loadgen/usage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BYTES = 16 << 20,
};

static struct usage alone;
static struct usage family;
static struct usage none;

// A child that has used some CPU and memory of its own, and waits.
static pid_t child_start(void)
{
    int pair[2];
    cr_assert_eq(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        volatile char *memory = malloc(BYTES);
        for (size_t i = 0; i < BYTES; i++) {
            memory[i] = (char)i;
        }
        (void)!write(pair[1], "r", 1);
        for (;;) {
            pause();
        }
    }
    char ready = 0;
    cr_assert_eq(read(pair[0], &ready, 1), 1);
    close(pair[0]);
    close(pair[1]);
    return child;
}

Test(usage, a_family_is_a_process_and_its_children, .timeout = 20)
{
    struct usage_processes self = usage_process(getpid());
    cr_assert_eq(usage_read_family(&family, &self), 0);
    uint32_t threads_before = family.thread_count;
    uint64_t cpu_before = usage_read_cpu_ns(&self);
    pid_t child = child_start();
    cr_assert_eq(usage_read(&alone, getpid()), 0);
    cr_assert_eq(usage_read_family(&family, &self), 0);
    cr_assert_eq(alone.thread_count, threads_before);
    cr_assert_eq(family.thread_count, threads_before + 1);
    cr_assert_gt(family.cpu_ns, alone.cpu_ns);
    cr_assert_gt(family.resident_bytes, (uint64_t)BYTES);
    cr_assert_gt(usage_read_cpu_ns(&self), cpu_before);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    // Nobody is left at that number.
    struct usage_processes nobody = usage_process(child);
    cr_assert_eq(usage_read_family(&none, &nobody), -ESRCH);
}

Test(usage, several_processes_are_summed_and_none_may_be_missing, .timeout = 20)
{
    pid_t children[2] = {child_start(), child_start()};
    struct usage_processes both = {.ids = {children[0], children[1]}, .count = 2};
    struct usage_processes one = usage_process(children[0]);
    cr_assert_eq(usage_read_family(&family, &both), 0);
    cr_assert_eq(usage_read_family(&alone, &one), 0);
    cr_assert_eq(family.thread_count, 2);
    cr_assert_gt(family.cpu_ns, alone.cpu_ns);
    cr_assert_gt(family.resident_bytes, (uint64_t)(2 * BYTES));
    cr_assert_eq(kill(children[1], SIGKILL), 0);
    cr_assert_eq(waitpid(children[1], NULL, 0), children[1]);
    cr_assert_eq(usage_read_family(&family, &both), -ESRCH);
    cr_assert_eq(kill(children[0], SIGKILL), 0);
    cr_assert_eq(waitpid(children[0], NULL, 0), children[0]);
    struct usage_processes nobody = {.count = 0};
    cr_assert_eq(usage_read_family(&none, &nobody), 0);
    cr_assert_eq(none.cpu_ns + none.resident_bytes + none.thread_count, 0);
}
