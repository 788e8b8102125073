#include "io/buffers.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Pages that the kernel gives zeroed and only when touched: an unused buffer costs no memory.
static void *pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static void buffers_unmap(struct buffers *buffers)
{
    if (buffers->ring != NULL) {
        munmap(buffers->ring, buffers->ring_bytes);
    }
    if (buffers->memory != NULL) {
        munmap(buffers->memory, buffers->memory_bytes);
    }
    buffers->ring = NULL;
    buffers->memory = NULL;
}

static void ring_add(struct buffers *buffers, uint16_t id, uint32_t offset)
{
    io_uring_buf_ring_add(buffers->ring, buffers->memory + (size_t)id * buffers->size_bytes,
                          buffers->size_bytes, id, (int)(buffers->count - 1), (int)offset);
}

int buffers_init(struct buffers *buffers, struct io_uring *uring, uint16_t group, uint32_t count,
                 uint32_t size_bytes)
{
    ASSERT(count >= 1 && count <= BUFFERS_COUNT_MAX && (count & (count - 1)) == 0);
    ASSERT(size_bytes >= 1 && size_bytes <= INT32_MAX);
    memset(buffers, 0, sizeof *buffers);
    buffers->uring = uring;
    buffers->group = group;
    buffers->count = count;
    buffers->size_bytes = size_bytes;
    // The kernel wants the ring of entries page-aligned.
    buffers->ring_bytes = count * sizeof(struct io_uring_buf);
    buffers->memory_bytes = (size_t)count * size_bytes;
    buffers->ring = pages_map(buffers->ring_bytes);
    buffers->memory = pages_map(buffers->memory_bytes);
    if (buffers->ring == NULL || buffers->memory == NULL) {
        buffers_unmap(buffers);
        return -ENOMEM;
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)buffers->ring,
        .ring_entries = count,
        .bgid = group,
    };
    int result = io_uring_register_buf_ring(uring, &registration, 0);
    if (result < 0) {
        buffers_unmap(buffers);
        return result;
    }
    io_uring_buf_ring_init(buffers->ring);
    for (uint32_t id = 0; id < count; id++) {
        ring_add(buffers, (uint16_t)id, id);
    }
    io_uring_buf_ring_advance(buffers->ring, (int)count);
    return 0;
}

void buffers_free(struct buffers *buffers)
{
    if (buffers->ring == NULL) {
        return;
    }
    io_uring_unregister_buf_ring(buffers->uring, buffers->group);
    buffers_unmap(buffers);
}

uint8_t *buffers_take(struct buffers *buffers, uint32_t cqe_flags)
{
    ASSERT((cqe_flags & IORING_CQE_F_BUFFER) != 0);
    ASSERT(buffers->held < buffers->count);
    buffers->held++;
    return buffers_address(buffers, buffers_id(cqe_flags));
}

uint8_t *buffers_address(const struct buffers *buffers, uint16_t id)
{
    ASSERT(id < buffers->count);
    return buffers->memory + (size_t)id * buffers->size_bytes;
}

void buffers_give_back(struct buffers *buffers, uint16_t id)
{
    ASSERT(id < buffers->count);
    ASSERT(buffers->held > 0);
    buffers->held--;
    ring_add(buffers, id, 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}
