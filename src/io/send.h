// Sends that never wait, and the end of a direct descriptor. These fill in a submission entry got
// from loop_sqe; the handler of the op in `user_data` gets what comes back.
//
// A quiet send is MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL with IOSQE_CQE_SKIP_SUCCESS, whose
// outcomes are (measured; the unit test repeats it):
//     everything sent          no completion at all
//     a part sent              a completion with the byte count, 0 < result < length
//     socket buffer full       -EAGAIN
//     peer gone                -EPIPE or -ECONNRESET
// It is over when the submission returns, so the bytes may change or go after loop_submit; the
// iovecs and msghdr too. Both flags matter: without WAITALL a short send counts as success and is
// lost silently; without DONTWAIT the request stays and holds the buffer unseen.
#ifndef RINGCAST_IO_SEND_H
#define RINGCAST_IO_SEND_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

// `descriptor` is direct; 0 < length_bytes <= INT32_MAX.
void io_prep_send_quiet(struct io_uring_sqe *sqe, int descriptor, const void *bytes,
                        size_t length_bytes, uint64_t user_data);

// The same for several pieces. The caller keeps `message` and its iovecs until the submission has
// returned.
void io_prep_sendmsg_quiet(struct io_uring_sqe *sqe, int descriptor, const struct msghdr *message,
                           uint64_t user_data);

// The same by a write, for sockets whose sends the kernel encrypts: those refuse WAITALL. Several
// pieces become one record as far as one holds them. Linux 6.5; SIGPIPE is to be ignored. The
// caller keeps `pieces` until the submission has returned.
void io_prep_write_quiet(struct io_uring_sqe *sqe, int descriptor, const void *bytes,
                         size_t length_bytes, uint64_t user_data);
void io_prep_writev_quiet(struct io_uring_sqe *sqe, int descriptor, const struct iovec *pieces,
                          uint32_t piece_count, uint64_t user_data);

// Shuts a direct descriptor's connection down (how: SHUT_RD, SHUT_WR, SHUT_RDWR). Completes always,
// with 0 or -errno.
void io_prep_shutdown_direct(struct io_uring_sqe *sqe, int descriptor, int how, uint64_t user_data);

// Frees a slot of the direct-descriptor table; the socket closes once no request holds it.
// Completes always, with 0 or -EBADF (empty slot), after which the kernel may give the same number
// to a new connection.
void io_prep_close_direct(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data);

// A one-shot poll of a direct descriptor (POLLOUT, POLLRDHUP): one completion with the events or
// -errno.
void io_prep_poll_direct(struct io_uring_sqe *sqe, int descriptor, uint32_t events,
                         uint64_t user_data);

#endif
