// A strict pull scanner for JSON (RFC 8259) on bytes in memory. It allocates nothing, does not
// recurse, copies nothing and reports where a fault is. One thread each.
//
//     struct json_scanner scanner;
//     struct json_string key;
//     json_begin(&scanner, text);
//     if (json_enter_object(&scanner)) {
//         while (json_next_member(&scanner, &key)) {
//             if (json_string_is(key, "id")) {
//                 json_read_u64(&scanner, &id);
//             } else {
//                 json_skip_value(&scanner);
//             }
//         }
//     }
//     if (!json_finish(&scanner)) {
//         report(json_fault_text(scanner.fault), scanner.fault_position);
//     }
//
// After json_begin, json_next_member or json_next_element exactly one value must be taken: read,
// skipped or entered (asserted). A fault sticks: every function then returns false, and *output is
// not set. So results may be used after one check at the end. Names that occur twice in an object
// are both reported; refusing them is the caller's part.
#ifndef RINGCAST_BASE_JSON_H
#define RINGCAST_BASE_JSON_H

#include "base/bytes.h"
#include "base/json_string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type {
    JSON_INVALID, // a fault, or the start of no value
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_BOOLEAN,
    JSON_NULL,
};

struct json_scanner {
    struct slice text;
    size_t position;
    uint64_t objects;      // bit n: level n is an object (else an array)
    uint32_t depth;        // levels entered
    bool is_first;         // nothing was taken from the innermost level yet
    bool is_value_due;     // a value has to be taken next
    enum json_fault fault; // set once
    size_t fault_position; // offset in text
};

// Starts at the first byte of `text`, which must outlive the scanner and what it returns.
void json_begin(struct json_scanner *scanner, struct slice text);

// The type of the value that is due, by its first character. Takes nothing. Sets a fault only
// where no value begins.
enum json_type json_peek(struct json_scanner *scanner);

// Enters the object or array that is due. Its members have then to be walked over to the end.
bool json_enter_object(struct json_scanner *scanner);
bool json_enter_array(struct json_scanner *scanner);

// Goes to the next member's value. False at the end of the object (which is thereby left) and on
// a fault.
bool json_next_member(struct json_scanner *scanner, struct json_string *key);

// Goes to the next element. False at the end of the array (which is thereby left) and on a fault.
bool json_next_element(struct json_scanner *scanner);

// Take the value that is due, which must be of that type (otherwise JSON_FAULT_TYPE). Integers
// have neither fraction nor exponent.
bool json_read_string(struct json_scanner *scanner, struct json_string *string);
bool json_read_u64(struct json_scanner *scanner, uint64_t *value);
bool json_read_i64(struct json_scanner *scanner, int64_t *value);
bool json_read_boolean(struct json_scanner *scanner, bool *value);
bool json_read_null(struct json_scanner *scanner);

// Takes the value that is due whatever its type, checked in full; *raw is its text without white
// space around it.
bool json_read_raw(struct json_scanner *scanner, struct slice *raw);
bool json_skip_value(struct json_scanner *scanner);

// Whether the one value was taken whole, without fault, and only white space follows.
bool json_finish(struct json_scanner *scanner);

// Sets a fault of the caller's own at the current position (a member given twice, a value that is
// not acceptable): nothing further can be read. A fault that is already there stays.
void json_fail(struct json_scanner *scanner, enum json_fault fault);

// A few words for people, such as "unexpected character". Static memory.
const char *json_fault_text(enum json_fault fault);

// Checks a whole text. JSON_OK or the fault, whose offset is put in *fault_position (may be NULL).
enum json_fault json_validate(struct slice text, size_t *fault_position);

#endif
