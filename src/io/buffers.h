// Provided buffers: a group of equal buffers that the kernel picks from when data arrives, so that
// an idle connection holds none.
//
// A receive asks for the group (IOSQE_BUFFER_SELECT, sqe->buf_group); its completion with
// IORING_CQE_F_BUFFER owns one buffer until it is given back. When the group is empty the receive
// ends with -ENOBUFS, a multishot one too (no F_MORE): give buffers back, then arm it again; no
// data is lost, it waits in the socket. The ring's own thread only.
#ifndef RINGCAST_IO_BUFFERS_H
#define RINGCAST_IO_BUFFERS_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BUFFERS_COUNT_MAX = 32768, // the kernel's limit
};

struct buffers {
    struct io_uring *uring;
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    size_t memory_bytes;
    size_t ring_bytes;
    uint32_t count;
    uint32_t size_bytes;
    uint32_t held; // taken and not yet given back
    uint16_t group;
};

// Registers `count` buffers (a power of two, at most BUFFERS_COUNT_MAX) of `size_bytes` as group
// `group` of `uring`. The memory is ordinary and not locked, touched only as it is used. Returns 0
// or -errno: -ENOMEM, -EEXIST (group taken), -EINVAL.
int buffers_init(struct buffers *buffers, struct io_uring *uring, uint16_t group, uint32_t count,
                 uint32_t size_bytes);

// Unregisters and frees. Once no receive of the group is in flight, and before the ring is closed.
void buffers_free(struct buffers *buffers);

// The number of the buffer that a completion carries. Only where cqe_flags has IORING_CQE_F_BUFFER.
static inline uint16_t buffers_id(uint32_t cqe_flags)
{
    return (uint16_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
}

// The buffer that a completion carries: the caller's until buffers_give_back. Its length is the
// completion's result.
uint8_t *buffers_take(struct buffers *buffers, uint32_t cqe_flags);

// The address of a buffer that is held.
uint8_t *buffers_address(const struct buffers *buffers, uint16_t id);

// Hands a buffer back to the kernel; its content is gone.
void buffers_give_back(struct buffers *buffers, uint16_t id);

// How many buffers the kernel has to pick from.
static inline uint32_t buffers_available(const struct buffers *buffers)
{
    return buffers->count - buffers->held;
}

#endif
