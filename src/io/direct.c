#include "io/direct.h"

#include "base/assert.h"
#include "io/kernel.h"

#include <string.h>

void io_prep_install_direct(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data)
{
    io_uring_prep_rw(KERNEL_OP_FIXED_FD_INSTALL, sqe, descriptor, NULL, 0, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->user_data = user_data;
}

void io_prep_setsockopt_direct(struct io_uring_sqe *sqe, int descriptor, int level, int name,
                               const void *value, uint32_t value_bytes, uint64_t user_data)
{
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, descriptor, NULL, 0, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->cmd_op = KERNEL_SOCKET_COMMAND_SETSOCKOPT;
    // Fields that the headers of 6.1 do not name: level and name share `addr`, the value's length
    // is where the file index is, its address where addr3 is.
    uint32_t level_and_name[2] = {(uint32_t)level, (uint32_t)name};
    STATIC_ASSERT(sizeof level_and_name == sizeof sqe->addr, "two words in one");
    memcpy(&sqe->addr, level_and_name, sizeof level_and_name);
    sqe->file_index = value_bytes;
    sqe->addr3 = (uint64_t)(uintptr_t)value;
    sqe->user_data = user_data;
}

void io_prep_pass_direct(struct io_uring_sqe *sqe, int descriptor, const struct loop *target,
                         unsigned target_ring, uint64_t target_user_data, uint64_t user_data)
{
    ASSERT(target_ring < target->ring_count && descriptor >= 0);
    io_uring_prep_msg_ring(sqe, target->rings[target_ring].uring.ring_fd, 0, target_user_data, 0);
    sqe->addr = IORING_MSG_SEND_FD;
    sqe->addr3 = (uint32_t)descriptor;
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
    sqe->user_data = user_data;
}
