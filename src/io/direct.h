// What newer kernels can do with a direct descriptor (the rest is in io/send.h). Each needs its
// feature, which the caller checks with loop_has. These fill in an entry got from loop_sqe.
#ifndef RINGCAST_IO_DIRECT_H
#define RINGCAST_IO_DIRECT_H

#include "io/loop.h"

#include <liburing.h>
#include <stdint.h>

// LOOP_FEATURE_FIXED_FD_INSTALL: an ordinary descriptor (close-on-exec, the caller's to close) of
// the same socket, for what a direct one cannot do: getpeername, TCP_INFO, SCM_RIGHTS. Completes
// with the descriptor or -errno (-EMFILE).
void io_prep_install_direct(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data);

// LOOP_FEATURE_SOCKET_COMMAND: setsockopt. `value` stays until the completion, which is 0 or
// -errno.
void io_prep_setsockopt_direct(struct io_uring_sqe *sqe, int descriptor, int level, int name,
                               const void *value, uint32_t value_bytes, uint64_t user_data);

// LOOP_FEATURE_SEND_FD of both loops: passes a socket on to ring `target_ring` of another loop,
// into a free slot of its table. Over there a completion with `target_user_data` gives the new
// descriptor. Here the completion gives the same number, or -errno (-ENFILE: that table is full;
// -EOVERFLOW: its completion queue is), after which nothing has happened. Close this end's
// descriptor in any case.
void io_prep_pass_direct(struct io_uring_sqe *sqe, int descriptor, const struct loop *target,
                         unsigned target_ring, uint64_t target_user_data, uint64_t user_data);

#endif
