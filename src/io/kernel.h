// What the kernel interface has beyond the headers of Debian 12 (liburing 2.3, Linux 6.1), as far
// as it is used here. Op codes are enumerators in the kernel's header and cannot be tested for by
// the preprocessor, so they have names of our own.
#ifndef RINGCAST_IO_KERNEL_H
#define RINGCAST_IO_KERNEL_H

#include <liburing.h>

// Linux 6.7: IORING_OP_FUTEX_WAIT. Not used itself; its presence tells that the socket command can
// do setsockopt (6.7).
#define KERNEL_OP_FUTEX_WAIT 51
// Linux 6.8: turns a direct descriptor into an ordinary one.
#define KERNEL_OP_FIXED_FD_INSTALL 54

// Linux 6.3. Its presence tells also that MSG_RING is safe and prompt towards a DEFER_TASKRUN ring
// of another thread.
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif

// Linux 6.7: commands of IORING_OP_URING_CMD on a socket (in sqe->cmd_op; sqe->addr holds level,
// then option name).
#define KERNEL_SOCKET_COMMAND_SETSOCKOPT 3

// Linux 6.8: flag of FIXED_FD_INSTALL in sqe->rw_flags. By default the descriptor is close-on-exec.
#ifndef IORING_FIXED_FD_NO_CLOEXEC
#define IORING_FIXED_FD_NO_CLOEXEC (1U << 0)
#endif

#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT 25
#endif

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif

#endif
