// A log for the tests of ingest: it keeps what it is given, answers when told to, and can be full
// or faulty. It stands in for src/log/log.c by defining the functions that ingest calls.
#ifndef TESTS_UNIT_INGEST_FAKE_LOG_H
#define TESTS_UNIT_INGEST_FAKE_LOG_H

#include "ingest/ingest.h"

enum { FAKE_LOG_EVENTS_MAX = 200 * 1000, FAKE_LOG_KEPT_BYTES = 512 };

enum fake_log_kind { FAKE_EVENT, FAKE_SET, FAKE_DISCARD, FAKE_END };

struct fake_log_record {
    enum fake_log_kind kind;
    enum ack_level level;
    uint64_t producer;
    uint64_t reference;
    uint64_t id;
    uint64_t sequence;
    bool is_duplicate;
    bool is_acknowledged;
    // The start of each text; data_length is the whole.
    char stream[256];
    char type[64];
    char data[FAKE_LOG_KEPT_BYTES];
    size_t data_length;
    size_t attributes_length;
    uint64_t producer_id;
    uint32_t epoch;
    uint64_t producer_sequence;
    uint32_t ttl_ms;
    uint32_t retry_ms;
    enum event_priority priority;
    bool ephemeral;
    bool binary;
    struct stream_settings settings; // SET, whose content type is `type`
    enum stream_life life;           // END
};

struct fake_log {
    struct ingest *ingest; // acknowledgements go there
    struct fake_log_record *records;
    uint32_t count;
    uint32_t acknowledged; // records before it were
    uint32_t room;         // appends that still fit
    bool holds;            // acknowledges nothing by itself
    bool answers_at_once;  // from inside log_append
    enum rc_error refusal; // of every append
    uint32_t refuse_at;    // the append that finds so many records is refused; 0: none
    uint32_t press_at;     // and this one presses its stream to its limit, from inside; 0: none
    enum rc_error failure; // in every acknowledgement
    uint32_t full_permille;
    uint64_t more_streams; // that it tells of, besides three
    uint64_t ended_place;  // of these one that has ended so,
    enum stream_life ended;
    uint64_t awaited_place; // and one that is not there; 0: none
    uint64_t deleted_place; // a stream that was deleted, which nobody was told yet; 0: none
    bool bounds_owners;
    uint32_t full_count;          // appends that found no room
    uint32_t wait_ms;             // that its events are held
    struct log_pressure pressure; // of the one stream that blocks, once fake_log_press was called
};

extern struct fake_log fake_log;

void fake_log_begin(void);
void fake_log_end(void);
// What log_round does: acknowledges all, unless it holds.
void fake_log_round(void);
void fake_log_acknowledge_all(void);
// The stream, which blocks, enters a stage.
void fake_log_press(const char *stream, enum log_pressure_stage stage);
// Room again.
void fake_log_make_room(uint32_t appends);

#endif
