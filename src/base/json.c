#include "base/json.h"

#include "base/limits.h"
#include "base/text.h"

void json_begin(struct json_scanner *scanner, struct slice text)
{
    *scanner = (struct json_scanner){.text = text, .is_value_due = true};
}

static bool json_fault_at(struct json_scanner *scanner, enum json_fault fault, size_t position)
{
    ASSERT(fault != JSON_OK);
    if (scanner->fault == JSON_OK) {
        scanner->fault = fault;
        scanner->fault_position = position;
    }
    return false;
}

void json_fail(struct json_scanner *scanner, enum json_fault fault)
{
    json_fault_at(scanner, fault, scanner->position);
}

static bool json_is_at_end(const struct json_scanner *scanner)
{
    return scanner->position == scanner->text.length;
}

// Whether the next byte is this one. False at the end.
static bool json_is_at(const struct json_scanner *scanner, uint8_t byte)
{
    return !json_is_at_end(scanner) && scanner->text.at[scanner->position] == byte;
}

static bool json_is_at_digit(const struct json_scanner *scanner)
{
    return !json_is_at_end(scanner) && scanner->text.at[scanner->position] >= '0' &&
           scanner->text.at[scanner->position] <= '9';
}

// The fault of not finding what has to come here.
static bool json_unexpected(struct json_scanner *scanner, enum json_fault fault)
{
    return json_fault_at(scanner, json_is_at_end(scanner) ? JSON_FAULT_TRUNCATED : fault,
                         scanner->position);
}

static void json_skip_space(struct json_scanner *scanner)
{
    while (json_is_at(scanner, ' ') || json_is_at(scanner, '\n') || json_is_at(scanner, '\r') ||
           json_is_at(scanner, '\t')) {
        scanner->position++;
    }
}

enum json_type json_peek(struct json_scanner *scanner)
{
    if (scanner->fault != JSON_OK) {
        return JSON_INVALID;
    }
    ASSERT(scanner->is_value_due);
    json_skip_space(scanner);
    switch (json_is_at_end(scanner) ? 0 : scanner->text.at[scanner->position]) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't':
    case 'f': return JSON_BOOLEAN;
    case 'n': return JSON_NULL;
    case '-': return JSON_NUMBER;
    default: break;
    }
    if (json_is_at_digit(scanner)) {
        return JSON_NUMBER;
    }
    json_unexpected(scanner, JSON_FAULT_SYNTAX);
    return JSON_INVALID;
}

// Goes to the value that is due, which must be of this type.
static bool json_expect(struct json_scanner *scanner, enum json_type type)
{
    enum json_type found = json_peek(scanner);
    if (found != type) {
        return found != JSON_INVALID && json_fault_at(scanner, JSON_FAULT_TYPE, scanner->position);
    }
    return true;
}

// ---- objects and arrays ------------------------------------------------------------------------

static bool json_enter(struct json_scanner *scanner, enum json_type type)
{
    if (!json_expect(scanner, type)) {
        return false;
    }
    if (scanner->depth == JSON_DEPTH_MAX) {
        return json_fault_at(scanner, JSON_FAULT_DEPTH, scanner->position);
    }
    uint64_t level = UINT64_C(1) << scanner->depth;
    scanner->objects = type == JSON_OBJECT ? scanner->objects | level : scanner->objects & ~level;
    scanner->depth++;
    scanner->position++;
    scanner->is_first = true;
    scanner->is_value_due = false;
    return true;
}

bool json_enter_object(struct json_scanner *scanner)
{
    return json_enter(scanner, JSON_OBJECT);
}

bool json_enter_array(struct json_scanner *scanner)
{
    return json_enter(scanner, JSON_ARRAY);
}

static bool json_is_in_object(const struct json_scanner *scanner)
{
    return (scanner->objects >> (scanner->depth - 1) & 1) != 0;
}

// Goes past the comma to what comes next in the innermost object or array. False if that ends
// here, in which case it is left, and on a fault.
static bool json_next(struct json_scanner *scanner, uint8_t closing)
{
    json_skip_space(scanner);
    if (json_is_at(scanner, closing)) {
        scanner->position++;
        scanner->depth--;
        scanner->is_first = false;
        return false;
    }
    if (!scanner->is_first) {
        if (!json_is_at(scanner, ',')) {
            return json_unexpected(scanner, JSON_FAULT_SYNTAX);
        }
        scanner->position++;
        json_skip_space(scanner);
    }
    scanner->is_first = false;
    return true;
}

bool json_next_member(struct json_scanner *scanner, struct json_string *key)
{
    if (scanner->fault != JSON_OK) {
        return false;
    }
    ASSERT(!scanner->is_value_due);
    ASSERT(scanner->depth > 0 && json_is_in_object(scanner));
    if (!json_next(scanner, '}')) {
        return false;
    }
    if (!json_is_at(scanner, '"')) {
        return json_unexpected(scanner, JSON_FAULT_SYNTAX);
    }
    scanner->position++;
    struct json_string found;
    enum json_fault fault = json_string_scan(scanner->text, &scanner->position, &found);
    if (fault != JSON_OK) {
        return json_fault_at(scanner, fault, scanner->position);
    }
    json_skip_space(scanner);
    if (!json_is_at(scanner, ':')) {
        return json_unexpected(scanner, JSON_FAULT_SYNTAX);
    }
    scanner->position++;
    scanner->is_value_due = true;
    *key = found;
    return true;
}

bool json_next_element(struct json_scanner *scanner)
{
    if (scanner->fault != JSON_OK) {
        return false;
    }
    ASSERT(!scanner->is_value_due);
    ASSERT(scanner->depth > 0 && !json_is_in_object(scanner));
    scanner->is_value_due = json_next(scanner, ']');
    return scanner->is_value_due;
}

// ---- single values -----------------------------------------------------------------------------

bool json_read_string(struct json_scanner *scanner, struct json_string *string)
{
    if (!json_expect(scanner, JSON_STRING)) {
        return false;
    }
    scanner->position++;
    enum json_fault fault = json_string_scan(scanner->text, &scanner->position, string);
    if (fault != JSON_OK) {
        return json_fault_at(scanner, fault, scanner->position);
    }
    scanner->is_value_due = false;
    return true;
}

// One digit or more.
static bool json_skip_digits(struct json_scanner *scanner)
{
    if (!json_is_at_digit(scanner)) {
        return json_unexpected(scanner, JSON_FAULT_NUMBER);
    }
    while (json_is_at_digit(scanner)) {
        scanner->position++;
    }
    return true;
}

// The number that is due, by the grammar of RFC 8259 section 6.
struct json_number {
    struct slice digits; // of the integer part
    size_t position;
    bool is_negative;
    bool is_integer; // neither fraction nor exponent
};

static bool json_read_number(struct json_scanner *scanner, struct json_number *number)
{
    if (!json_expect(scanner, JSON_NUMBER)) {
        return false;
    }
    number->position = scanner->position;
    number->is_negative = json_is_at(scanner, '-');
    scanner->position += number->is_negative;
    size_t start = scanner->position;
    bool leads_with_zero = json_is_at(scanner, '0');
    if (!json_skip_digits(scanner)) {
        return false;
    }
    if (leads_with_zero && scanner->position > start + 1) {
        return json_fault_at(scanner, JSON_FAULT_NUMBER, start + 1);
    }
    number->digits = slice_from(scanner->text.at + start, scanner->position - start);
    number->is_integer = true;
    if (json_is_at(scanner, '.')) {
        number->is_integer = false;
        scanner->position++;
        if (!json_skip_digits(scanner)) {
            return false;
        }
    }
    if (json_is_at(scanner, 'e') || json_is_at(scanner, 'E')) {
        number->is_integer = false;
        scanner->position++;
        scanner->position += json_is_at(scanner, '+') || json_is_at(scanner, '-');
        if (!json_skip_digits(scanner)) {
            return false;
        }
    }
    scanner->is_value_due = false;
    return true;
}

// An integer's sign and magnitude.
static bool json_read_integer(struct json_scanner *scanner, struct json_number *number,
                              uint64_t *magnitude)
{
    if (!json_read_number(scanner, number)) {
        return false;
    }
    if (!number->is_integer) {
        return json_fault_at(scanner, JSON_FAULT_TYPE, number->position);
    }
    if (!text_parse_u64(number->digits, magnitude)) {
        return json_fault_at(scanner, JSON_FAULT_RANGE, number->position);
    }
    return true;
}

bool json_read_u64(struct json_scanner *scanner, uint64_t *value)
{
    struct json_number number;
    uint64_t magnitude;
    if (!json_read_integer(scanner, &number, &magnitude)) {
        return false;
    }
    if (number.is_negative && magnitude != 0) {
        return json_fault_at(scanner, JSON_FAULT_RANGE, number.position);
    }
    *value = magnitude;
    return true;
}

bool json_read_i64(struct json_scanner *scanner, int64_t *value)
{
    struct json_number number;
    uint64_t magnitude;
    if (!json_read_integer(scanner, &number, &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + number.is_negative) {
        return json_fault_at(scanner, JSON_FAULT_RANGE, number.position);
    }
    // In unsigned arithmetic, since the least value has no positive counterpart.
    *value = (int64_t)(number.is_negative ? 0 - magnitude : magnitude);
    return true;
}

static bool json_skip_literal(struct json_scanner *scanner, const char *literal)
{
    for (; *literal != '\0'; literal++) {
        if (!json_is_at(scanner, (uint8_t)*literal)) {
            return json_unexpected(scanner, JSON_FAULT_SYNTAX);
        }
        scanner->position++;
    }
    scanner->is_value_due = false;
    return true;
}

bool json_read_boolean(struct json_scanner *scanner, bool *value)
{
    if (!json_expect(scanner, JSON_BOOLEAN)) {
        return false;
    }
    bool is_true = json_is_at(scanner, 't');
    if (!json_skip_literal(scanner, is_true ? "true" : "false")) {
        return false;
    }
    *value = is_true;
    return true;
}

bool json_read_null(struct json_scanner *scanner)
{
    return json_expect(scanner, JSON_NULL) && json_skip_literal(scanner, "null");
}

// ---- any value ---------------------------------------------------------------------------------

// Takes a single value, or only enters an object or array.
static bool json_skip_start(struct json_scanner *scanner)
{
    struct json_string string;
    struct json_number number;
    bool boolean;
    switch (json_peek(scanner)) {
    case JSON_OBJECT: return json_enter_object(scanner);
    case JSON_ARRAY: return json_enter_array(scanner);
    case JSON_STRING: return json_read_string(scanner, &string);
    case JSON_NUMBER: return json_read_number(scanner, &number);
    case JSON_BOOLEAN: return json_read_boolean(scanner, &boolean);
    case JSON_NULL: return json_read_null(scanner);
    case JSON_INVALID: break;
    }
    return false;
}

bool json_skip_value(struct json_scanner *scanner)
{
    uint32_t outer = scanner->depth;
    if (!json_skip_start(scanner)) {
        return false;
    }
    while (scanner->depth > outer) {
        struct json_string key;
        bool has_next = json_is_in_object(scanner) ? json_next_member(scanner, &key)
                                                   : json_next_element(scanner);
        if (has_next) {
            json_skip_start(scanner);
        }
        if (scanner->fault != JSON_OK) {
            return false;
        }
    }
    return true;
}

bool json_read_raw(struct json_scanner *scanner, struct slice *raw)
{
    if (json_peek(scanner) == JSON_INVALID) {
        return false;
    }
    size_t start = scanner->position;
    if (!json_skip_value(scanner)) {
        return false;
    }
    *raw = slice_from(scanner->text.at + start, scanner->position - start);
    return true;
}

bool json_finish(struct json_scanner *scanner)
{
    if (scanner->fault != JSON_OK || scanner->depth > 0 || scanner->is_value_due) {
        return false;
    }
    json_skip_space(scanner);
    return json_is_at_end(scanner) ||
           json_fault_at(scanner, JSON_FAULT_TRAILING, scanner->position);
}

enum json_fault json_validate(struct slice text, size_t *fault_position)
{
    struct json_scanner scanner;
    json_begin(&scanner, text);
    json_skip_value(&scanner);
    json_finish(&scanner);
    if (scanner.fault != JSON_OK && fault_position != NULL) {
        *fault_position = scanner.fault_position;
    }
    return scanner.fault;
}

const char *json_fault_text(enum json_fault fault)
{
    switch (fault) {
    case JSON_OK: return "no fault";
    case JSON_FAULT_TRUNCATED: return "the text ends too early";
    case JSON_FAULT_SYNTAX: return "unexpected character";
    case JSON_FAULT_DEPTH: return "nested too deeply";
    case JSON_FAULT_NUMBER: return "malformed number";
    case JSON_FAULT_STRING: return "control character in a string";
    case JSON_FAULT_ESCAPE: return "malformed escape in a string";
    case JSON_FAULT_UTF8: return "not valid UTF-8";
    case JSON_FAULT_TYPE: return "value of the wrong type";
    case JSON_FAULT_RANGE: return "integer out of range";
    case JSON_FAULT_TRAILING: return "something follows the value";
    case JSON_FAULT_MEMBER: return "member is unknown or given twice";
    }
    UNREACHABLE();
}
