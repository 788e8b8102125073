#include "log/acks.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int acks_init(struct acks *acks)
{
    memset(acks, 0, sizeof(*acks));
    acks->ring = mmap(NULL, ACKS_MAX * sizeof(struct ack), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (acks->ring == MAP_FAILED) {
        acks->ring = NULL;
        return -ENOMEM;
    }
    return 0;
}

void acks_free(struct acks *acks)
{
    if (acks->ring != NULL) {
        (void)munmap(acks->ring, ACKS_MAX * sizeof(struct ack));
    }
    memset(acks, 0, sizeof(*acks));
}

void acks_push(struct acks *acks, const struct ack *ack)
{
    ASSERT(!acks_are_full(acks));
    acks->ring[acks->tail++ & (ACKS_MAX - 1)] = *ack;
    if (ack->wait_id > acks->last_wait_id) {
        acks->last_wait_id = ack->wait_id;
    }
}

bool acks_release(struct acks *acks, uint64_t reached, uint32_t most,
                  const struct log_callbacks *callbacks)
{
    while (!acks_are_empty(acks)) {
        // A copy: the callback may append, and so push.
        const struct ack ack = acks->ring[acks->head & (ACKS_MAX - 1)];
        if (ack.wait_id > reached) {
            return false;
        }
        if (most-- == 0) {
            return true;
        }
        acks->head++;
        if (callbacks->acknowledge != NULL) {
            callbacks->acknowledge(callbacks->context, &(struct log_acknowledgement){
                                                           .producer = ack.producer,
                                                           .reference = ack.reference,
                                                           .id = ack.id,
                                                           .sequence = ack.sequence,
                                                           .duplicate = ack.duplicate,
                                                       });
        }
    }
    return false;
}
