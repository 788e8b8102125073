// How fast one producer may publish (mission C6): events and bytes of data a second, each
// connection by itself, with a second's worth at once.
//
// One that is faster is held, not refused: it is not read from until its bucket has filled, so that
// the kernel slows it, as where the log has no room. Its connection is a stream in order: refusing
// an event while those after it are taken would turn their order round, and would leave waiting and
// repeating to every producer by itself. A wait ends by the rate alone, so there is no time limit.
#ifndef RINGCAST_INGEST_RATE_H
#define RINGCAST_INGEST_RATE_H

#include "flow/bucket.h"
#include "io/wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct ingest;
struct loop;
struct producer;

struct producer_rate {
    struct bucket events;
    struct bucket bytes;
    struct wheel_timer timer; // of the loop's kind INGEST_TIMER_RATE: it may go on
};

void rate_begin(struct producer *producer);
// Other rates hold from now on.
void rate_change(struct producer *producer);
// Nothing of it comes any more.
void rate_end(struct producer *producer);
// Whether an event with so much data may be taken now. If not, the producer is held and woken when
// it may.
bool rate_admits(struct producer *producer, uint32_t data_bytes);
// It was taken.
void rate_take(struct producer *producer, uint32_t data_bytes);

void rate_timer_due(void *context, struct loop *loop, struct wheel_timer *timer);

#endif
