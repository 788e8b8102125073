// Runs a command under a seccomp filter that refuses some system calls of io_uring, as containers
// do:
//
//     forbid EPERM|ENOSYS setup|enter|register|all COMMAND...
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned first;
    unsigned last; // the three stand side by side
} calls[] = {
    {"setup", SYS_io_uring_setup, SYS_io_uring_setup},
    {"enter", SYS_io_uring_enter, SYS_io_uring_enter},
    {"register", SYS_io_uring_register, SYS_io_uring_register},
    {"all", SYS_io_uring_setup, SYS_io_uring_register},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };
_Static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1 &&
                   SYS_io_uring_register == SYS_io_uring_setup + 2,
               "the three stand side by side");

static int forbid(unsigned first, unsigned last, unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
               ? -1
               : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        return 2;
    }
    unsigned error = strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS;
    for (unsigned i = 0; i < CALLS; i++) {
        if (strcmp(argv[2], calls[i].name) == 0 &&
            forbid(calls[i].first, calls[i].last, error) == 0) {
            (void)execv(argv[3], argv + 3);
        }
    }
    perror("forbid");
    return 3;
}
