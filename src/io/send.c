#include "io/send.h"

#include "base/assert.h"

#include <sys/socket.h>

enum {
    SEND_QUIET_FLAGS = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL,
};

void io_prep_send_quiet(struct io_uring_sqe *sqe, int descriptor, const void *bytes,
                        size_t length_bytes, uint64_t user_data)
{
    ASSERT(length_bytes > 0 && length_bytes <= INT32_MAX);
    io_uring_prep_send(sqe, descriptor, bytes, length_bytes, SEND_QUIET_FLAGS);
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = user_data;
}

void io_prep_sendmsg_quiet(struct io_uring_sqe *sqe, int descriptor, const struct msghdr *message,
                           uint64_t user_data)
{
    ASSERT(message->msg_iovlen > 0);
    io_uring_prep_sendmsg(sqe, descriptor, message, SEND_QUIET_FLAGS);
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = user_data;
}

void io_prep_write_quiet(struct io_uring_sqe *sqe, int descriptor, const void *bytes,
                         size_t length_bytes, uint64_t user_data)
{
    ASSERT(length_bytes > 0 && length_bytes <= INT32_MAX);
    io_uring_prep_write(sqe, descriptor, bytes, (unsigned)length_bytes, 0);
    sqe->rw_flags = RWF_NOWAIT;
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = user_data;
}

void io_prep_writev_quiet(struct io_uring_sqe *sqe, int descriptor, const struct iovec *pieces,
                          uint32_t piece_count, uint64_t user_data)
{
    ASSERT(piece_count > 0);
    io_uring_prep_writev2(sqe, descriptor, pieces, piece_count, 0, RWF_NOWAIT);
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = user_data;
}

void io_prep_shutdown_direct(struct io_uring_sqe *sqe, int descriptor, int how, uint64_t user_data)
{
    io_uring_prep_shutdown(sqe, descriptor, how);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->user_data = user_data;
}

void io_prep_close_direct(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data)
{
    ASSERT(descriptor >= 0);
    io_uring_prep_close_direct(sqe, (unsigned)descriptor);
    sqe->user_data = user_data;
}

void io_prep_poll_direct(struct io_uring_sqe *sqe, int descriptor, uint32_t events,
                         uint64_t user_data)
{
    io_uring_prep_poll_add(sqe, descriptor, events);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->user_data = user_data;
}
