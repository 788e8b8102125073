#include "io/loop_setup.h"

#include "io/kernel.h"
#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// Left out one after the other, the newest first, until the kernel takes what is left. A flag may
// need a later one of this list (DEFER_TASKRUN needs SINGLE_ISSUER), never an earlier one.
static const struct setup_flag {
    uint32_t flag;
    uint32_t feature; // 0: not told to anybody
} SETUP_FLAGS[] = {
    {IORING_SETUP_TASKRUN_FLAG, LOOP_FEATURE_TASKRUN_FLAG},
    {IORING_SETUP_DEFER_TASKRUN, LOOP_FEATURE_DEFER_TASKRUN},
    {IORING_SETUP_SINGLE_ISSUER, LOOP_FEATURE_SINGLE_ISSUER},
    {IORING_SETUP_SUBMIT_ALL, 0},
    {IORING_SETUP_CLAMP, 0},
};

enum {
    SETUP_FLAG_COUNT = sizeof SETUP_FLAGS / sizeof SETUP_FLAGS[0],
};

static const struct setup_operation {
    uint8_t op;
    const char *name;
    const char *since;
} SETUP_OPERATIONS[] = {
    {IORING_OP_POLL_ADD, "POLL_ADD", "5.1"},  {IORING_OP_POLL_REMOVE, "POLL_REMOVE", "5.1"},
    {IORING_OP_SENDMSG, "SENDMSG", "5.3"},    {IORING_OP_RECVMSG, "RECVMSG", "5.3"},
    {IORING_OP_ACCEPT, "ACCEPT", "5.5"},      {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL", "5.5"},
    {IORING_OP_READV, "READV", "5.1"},        {IORING_OP_WRITEV, "WRITEV", "5.1"},
    {IORING_OP_FSYNC, "FSYNC", "5.1"},        {IORING_OP_FALLOCATE, "FALLOCATE", "5.6"},
    {IORING_OP_READ, "READ", "5.6"},          {IORING_OP_WRITE, "WRITE", "5.6"},
    {IORING_OP_SEND, "SEND", "5.6"},          {IORING_OP_RECV, "RECV", "5.6"},
    {IORING_OP_CLOSE, "CLOSE", "5.6"},        {IORING_OP_SHUTDOWN, "SHUTDOWN", "5.11"},
    {IORING_OP_MSG_RING, "MSG_RING", "5.18"}, {IORING_OP_SOCKET, "SOCKET", "5.19"},
};

enum {
    SETUP_OPERATION_COUNT = sizeof SETUP_OPERATIONS / sizeof SETUP_OPERATIONS[0],
};

static int sysctl_read(const char *path, int absent)
{
    char text[16] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return absent;
    }
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 ? (int)strtol(text, NULL, 10) : absent;
}

static uint64_t limit_read(__rlimit_resource_t resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

static void explain_blocked(int sysctl_value, char *error, size_t error_size)
{
    switch (sysctl_value) {
    case 2:
        snprintf(error, error_size,
                 "io_uring is blocked: kernel.io_uring_disabled is 2 (off for everybody); allow it "
                 "with 'sysctl -w kernel.io_uring_disabled=0'");
        break;
    case 1:
        snprintf(error, error_size,
                 "io_uring is blocked: kernel.io_uring_disabled is 1 (only for CAP_SYS_ADMIN and "
                 "members of kernel.io_uring_group); join that group or allow it with "
                 "'sysctl -w kernel.io_uring_disabled=0'");
        break;
    default:
        snprintf(error, error_size,
                 "io_uring is blocked, most likely by a seccomp filter (kernel.io_uring_disabled "
                 "is %s): in a container use a seccomp profile that allows io_uring_setup, "
                 "io_uring_enter and io_uring_register",
                 sysctl_value == 0 ? "0, so not the cause" : "absent, so not the cause");
        break;
    }
}

void loop_setup_explain(int error_number, int sysctl_value, uint64_t memlock_bytes, char *error,
                        size_t error_size)
{
    switch (error_number) {
    case EPERM:
    case EACCES: explain_blocked(sysctl_value, error, error_size); break;
    case ENOSYS:
        snprintf(error, error_size,
                 "this kernel has no io_uring, or a seccomp filter or sandbox hides it "
                 "(kernel.io_uring_disabled is %s): Linux 6.1 or newer is needed",
                 sysctl_value == LOOP_SYSCTL_ABSENT ? "absent" : "present");
        break;
    case ENOMEM:
        snprintf(error, error_size,
                 "no memory for an io_uring: RLIMIT_MEMLOCK is %" PRIu64
                 " bytes; raise it (ulimit -l, LimitMEMLOCK=) or use fewer rings",
                 memlock_bytes);
        break;
    case EMFILE:
    case ENFILE:
        snprintf(error, error_size,
                 "no file descriptor left for an io_uring: raise RLIMIT_NOFILE (ulimit -n, "
                 "LimitNOFILE=)%s",
                 error_number == ENFILE ? " or fs.file-max" : "");
        break;
    default:
        snprintf(error, error_size, "cannot set up io_uring: %s (Linux 6.1 or newer is needed)",
                 strerror(error_number));
        break;
    }
}

static int setup_fail(int error_number, char *error, size_t error_size)
{
    int sysctl_value = sysctl_read("/proc/sys/kernel/io_uring_disabled", LOOP_SYSCTL_ABSENT);
    loop_setup_explain(error_number, sysctl_value, limit_read(RLIMIT_MEMLOCK), error, error_size);
    return -error_number;
}

int loop_setup_ring(struct io_uring *uring, uint32_t sq_entries, uint32_t cq_entries,
                    uint32_t *features, char *error, size_t error_size)
{
    uint32_t flags = 0;
    for (uint32_t i = 0; i < SETUP_FLAG_COUNT; i++) {
        if (SETUP_FLAGS[i].feature == 0 || (*features & SETUP_FLAGS[i].feature) != 0) {
            flags |= SETUP_FLAGS[i].flag;
        }
    }
    if ((flags & IORING_SETUP_SINGLE_ISSUER) == 0) {
        flags &= ~IORING_SETUP_DEFER_TASKRUN;
    }
    if ((flags & IORING_SETUP_DEFER_TASKRUN) == 0) {
        flags &= ~IORING_SETUP_TASKRUN_FLAG;
    }
    struct io_uring_params params;
    int result = 0;
    for (uint32_t peeled = 0; peeled <= SETUP_FLAG_COUNT; peeled++) {
        memset(&params, 0, sizeof params);
        params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
        params.cq_entries = cq_entries;
        result = io_uring_queue_init_params(sq_entries, uring, &params);
        if (result != -EINVAL || peeled == SETUP_FLAG_COUNT) {
            break;
        }
        flags &= ~SETUP_FLAGS[peeled].flag;
    }
    if (result < 0) {
        return setup_fail(-result, error, error_size);
    }
    uint32_t needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP;
    if ((params.features & needed) != needed) {
        io_uring_queue_exit(uring);
        snprintf(error, error_size,
                 "this kernel's io_uring is too old (it cannot leave completions of successful "
                 "requests out): Linux 6.1 or newer is needed");
        return -EOPNOTSUPP;
    }
    *features = 0;
    for (uint32_t i = 0; i < SETUP_FLAG_COUNT; i++) {
        if ((flags & SETUP_FLAGS[i].flag) != 0) {
            *features |= SETUP_FLAGS[i].feature;
        }
    }
    return 0;
}

// A filter may let through what makes a ring, and nothing that uses it.
static bool may_enter(const struct io_uring *uring)
{
    // The ring is not enabled yet, so the kernel itself has another error for this.
    long result = syscall(SYS_io_uring_enter, uring->ring_fd, 0, 0, 0, NULL, 0);
    return result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS);
}

int loop_setup_probe(struct io_uring *uring, uint32_t *features, char *error, size_t error_size)
{
    if (!may_enter(uring)) {
        snprintf(error, error_size,
                 "io_uring is blocked: a seccomp filter forbids io_uring_enter; in a container use "
                 "a seccomp profile that allows io_uring_setup, io_uring_enter and "
                 "io_uring_register");
        return -EPERM;
    }
    struct io_uring_probe *probe = io_uring_get_probe_ring(uring);
    if (probe == NULL) {
        snprintf(error, error_size,
                 "cannot ask io_uring for its operations: no memory, or a seccomp filter forbids "
                 "io_uring_register; in a container use a seccomp profile that allows "
                 "io_uring_setup, io_uring_enter and io_uring_register");
        return -EOPNOTSUPP;
    }
    int result = 0;
    for (uint32_t i = 0; i < SETUP_OPERATION_COUNT; i++) {
        const struct setup_operation *operation = &SETUP_OPERATIONS[i];
        if (io_uring_opcode_supported(probe, operation->op) == 0) {
            snprintf(error, error_size,
                     "this kernel's io_uring lacks %s (of Linux %s): Linux 6.1 or newer is needed",
                     operation->name, operation->since);
            result = -EOPNOTSUPP;
            break;
        }
    }
    if ((uring->features & IORING_FEAT_REG_REG_RING) != 0) {
        *features |= LOOP_FEATURE_MSG_RING | LOOP_FEATURE_SEND_FD;
    }
    if (io_uring_opcode_supported(probe, KERNEL_OP_FUTEX_WAIT) != 0) {
        *features |= LOOP_FEATURE_SOCKET_COMMAND;
    }
    if (io_uring_opcode_supported(probe, KERNEL_OP_FIXED_FD_INSTALL) != 0) {
        *features |= LOOP_FEATURE_FIXED_FD_INSTALL;
    }
    io_uring_free_probe(probe);
    return result;
}

int loop_setup_table(struct io_uring *uring, uint32_t descriptors, char *error, size_t error_size)
{
    int result = io_uring_register_files_sparse(uring, descriptors);
    if (result >= 0) {
        return 0;
    }
    if (result == -EMFILE) {
        snprintf(error, error_size,
                 "a ring cannot hold %" PRIu32 " connections: RLIMIT_NOFILE is %" PRIu64
                 "; use more rings or raise it (ulimit -n, LimitNOFILE=)",
                 descriptors, limit_read(RLIMIT_NOFILE));
    } else {
        snprintf(error, error_size, "cannot reserve %" PRIu32 " descriptors on a ring: %s",
                 descriptors, strerror(-result));
    }
    return result;
}
