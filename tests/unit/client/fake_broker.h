// A broker for the tests of libringcast, on a thread of its own: it speaks just enough of the
// protocol, remembers every event that it takes, and fails as it is told to.
#ifndef TESTS_UNIT_CLIENT_FAKE_BROKER_H
#define TESTS_UNIT_CLIENT_FAKE_BROKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_BROKER_EVENTS_MAX = 200 * 1000, FAKE_BROKER_BYTES_MAX = 4 << 20 };

struct fake_event {
    uint64_t producer_id;
    uint32_t epoch;
    uint64_t sequence;
    uint8_t level;
    uint8_t priority;
    uint8_t flags;
    uint32_t ttl_ms;
    uint32_t retry_ms;
    char stream[64];
    char type[64];
    char data[64];
    uint32_t data_length;
    uint8_t attributes[256];
    uint32_t attributes_length;
};

// Set before the client acts, or while it waits.
struct fake_broker_plan {
    atomic_int refuse;          // code of an ERROR with CLOSING in place of WELCOME
    atomic_int hang_up_after;   // requests of a connection, then it is closed; 0: never
    atomic_bool hang_up_unread; // and those requests were not answered, though taken
    atomic_bool holds;          // takes requests and answers nothing
    atomic_bool deaf;           // does not even read
    atomic_bool silent;         // no WELCOME
    atomic_int error;           // the answer to every request
    atomic_int more_error;      // refuses the second event of each batch
    atomic_bool garbage;        // answers with nonsense
    atomic_bool oversize;       // or with a frame that is too long
    atomic_bool byte_by_byte;   // sends its answers so
    atomic_uint credit;         // in WELCOME; 0: 1 MiB
    atomic_uint event_bytes_max;
};

struct fake_broker {
    char directory[64];
    char path[100];
    struct fake_broker_plan plan;
    atomic_bool stop;
    atomic_bool listens;
    atomic_int connections;
    atomic_uint requests; // seen, ever
    atomic_uint count;    // events taken, without repeats
    atomic_uint repeats;
    atomic_uint largest_unanswered; // bytes read that were not answered yet, at most
    struct fake_event *events;
    pthread_t thread;
    int listener;
};

extern struct fake_broker fake_broker;

void fake_broker_begin(void);
void fake_broker_end(void);
// The listener goes, and what is connected; and comes back.
void fake_broker_kill(void);
void fake_broker_restart(void);

#endif
