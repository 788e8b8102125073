// The members that set how a stream's history is kept and what happens when its subscribers lag, as
// the line protocol's "set" and the bodies of HTTP requests have them:
//
// - retention_age, idle_ttl: milliseconds or "300s"; retention_bytes: a number or "1MiB";
//   retention_count
// - overflow (drop_oldest, drop_newest, drop_lowest, disconnect, block) or strategy (pause: block,
//   drop: drop_newest, buffer: the broker's); lag_events, lag_bytes; threshold (a share up to 1,
//   above it a number of events); producer_wait (milliseconds or "10s")
//
// What the first group leaves out, where one of it is given, is as the broker is set; so the
// second.
#ifndef RINGCAST_WIRE_SETTINGS_JSON_H
#define RINGCAST_WIRE_SETTINGS_JSON_H

#include "base/json_writer.h"
#include "log/settings.h"
#include "wire/member_reader.h"

// X(key)
#define SETTINGS_MEMBERS(X) \
    X(retention_age)        \
    X(retention_bytes)      \
    X(retention_count)      \
    X(idle_ttl)             \
    X(overflow)             \
    X(strategy)             \
    X(lag_events)           \
    X(lag_bytes)            \
    X(threshold)            \
    X(producer_wait)

// settings_json_KEY reads the value of that member and marks its group in settings->parts.
#define SETTINGS_MEMBER_DECLARED(key) \
    bool settings_json_##key(struct member_reader *reader, struct stream_settings *settings);
SETTINGS_MEMBERS(SETTINGS_MEMBER_DECLARED)
#undef SETTINGS_MEMBER_DECLARED

enum settings_member {
#define X(key) SETTINGS_MEMBER_##key,
    SETTINGS_MEMBERS(X)
#undef X
};

// What goes together, after the last member; `first` is the index of the first of the above among
// the reader's names, which stand in the same order. False after filling the fault.
bool settings_json_check(struct member_reader *reader, size_t first);

// Writes those members that say something, as they are read: times in milliseconds.
void settings_json_write(struct json_writer *writer, const struct stream_settings *settings);

// A body: one object of these members and "content_type", which is empty where it is not given, and
// stands in the body or in the arena. settings->parts is 0 where none of the others is given; a
// body of white space alone sets nothing. On false the fault is filled.
bool settings_json_parse(struct slice body, struct arena *texts, struct stream_settings *settings,
                         struct slice *content_type, struct member_fault *fault);

#endif
