// Reading the members of a JSON object that a client wrote, one by one, with faults that say which
// member is wrong and where. Shared by the line protocol and the bodies of HTTP requests. Any
// thread.
//
// Each member_read_* takes the value that is due, and returns false after filling the fault. Texts
// stay where they stand, or, where they have escapes, are unescaped into the arena.
#ifndef RINGCAST_WIRE_MEMBER_READER_H
#define RINGCAST_WIRE_MEMBER_READER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMBER_MESSAGE_BYTES = 256,
    MEMBERS_MAX = 64, // of one object: `seen` is one word
};

#define MEMBER_POSITION_NONE SIZE_MAX

struct member_fault {
    enum rc_error error;
    size_t position; // offset in the text, or MEMBER_POSITION_NONE
    char message[MEMBER_MESSAGE_BYTES];
};

// Set up with the first five; the others are 0.
struct member_reader {
    const char *what;         // the text has to be: "one JSON object"
    const char *const *names; // of the members that are known
    size_t name_count;        // MEMBERS_MAX at most
    struct arena *arena;
    struct member_fault *fault;
    struct json_scanner scanner;
    uint64_t seen;   // bit n: names[n] was given
    const char *key; // the member being read
};

// Reads the value of the member names[index].
typedef bool (*member_read)(struct member_reader *reader, size_t index, void *context);

// Reads a text that is one object. On false the fault is filled: broken JSON, an unknown member,
// one that is given twice, or what `read` found.
bool member_read_object(struct member_reader *reader, struct slice text, member_read read,
                        void *context);

static inline bool member_is_given(const struct member_reader *reader, size_t index)
{
    return (reader->seen & UINT64_C(1) << index) != 0;
}

__attribute__((format(printf, 4, 5))) bool member_fail(struct member_reader *reader,
                                                       enum rc_error error, size_t position,
                                                       const char *format, ...);

// The scanner's own fault: broken JSON, or a value of another type than `expected` says.
bool member_fail_json(struct member_reader *reader, const char *expected);

// A value that was read but is not acceptable.
bool member_fail_value(struct member_reader *reader, size_t position, const char *expected);

// Where the value that is due begins.
size_t member_position(struct member_reader *reader);

bool member_read_text(struct member_reader *reader, size_t bytes_max, struct slice *text);
bool member_read_u64(struct member_reader *reader, uint64_t maximum, uint64_t *value);
bool member_read_u32(struct member_reader *reader, uint32_t *value);
bool member_read_switch(struct member_reader *reader, bool *value);

// A number, or text that `parse` understands.
bool member_read_quantity(struct member_reader *reader, bool (*parse)(struct slice, uint64_t *),
                          const char *expected, uint64_t *value);

// The string as it is meant, at most bytes_max long; `position` is where it stands.
bool member_unescape(struct member_reader *reader, struct json_string string, size_t position,
                     size_t bytes_max, struct slice *text);

// Room in the arena; NULL after the fault was filled.
uint8_t *member_take(struct member_reader *reader, size_t length, size_t position);

#endif
