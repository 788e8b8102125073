// Handing a connection's sending side to the kernel's TLS. These fill in entries got from loop_sqe,
// of direct descriptors of TCP connections; they need LOOP_FEATURE_SOCKET_COMMAND.
#ifndef RINGCAST_IO_KERNEL_TLS_H
#define RINGCAST_IO_KERNEL_TLS_H

#include "io/loop.h"

#include <liburing.h>
#include <stdint.h>

// First this. Completes with 0 or -errno: -ENOENT where the kernel's module `tls` is not loaded
// (and the process may not load it), -ENOTCONN where the client has gone. By itself it changes
// nothing.
void io_prep_tls_attach(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data);

// Then this: `keys` is one of the structs of linux/tls.h, and stays until the completion, with 0 or
// -errno: -ENOPROTOOPT where the first one failed, -ENOENT where the kernel lacks the cipher. From
// then on all that is sent is encrypted.
void io_prep_tls_send_keys(struct io_uring_sqe *sqe, int descriptor, const void *keys,
                           uint32_t keys_bytes, uint64_t user_data);

// Says that nothing further comes (close_notify), as far as there is room. No completion.
void io_prep_tls_close_notify(struct io_uring_sqe *sqe, int descriptor);

#endif
