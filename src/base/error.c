#include "base/error.h"

#include "base/assert.h"

struct error_entry {
    const char *code;
    const char *text;
    int http_status;
};

static const struct error_entry error_entries[ERROR_COUNT] = {
#define X(number, name, code, http_status, text) [number] = {code, text, http_status},
    ERROR_TABLE(X)
#undef X
};

static const struct error_entry *error_entry(enum rc_error error)
{
    ASSERT(error_is_known((unsigned)error));
    return &error_entries[error];
}

const char *error_code(enum rc_error error)
{
    return error_entry(error)->code;
}

int error_http_status(enum rc_error error)
{
    return error_entry(error)->http_status;
}

const char *error_text(enum rc_error error)
{
    return error_entry(error)->text;
}

bool error_is_known(unsigned number)
{
    return number < ERROR_COUNT;
}

bool error_from_code(struct slice code, enum rc_error *error)
{
    for (unsigned number = 0; number < ERROR_COUNT; number++) {
        if (slice_equal_text(code, error_entries[number].code)) {
            *error = (enum rc_error)number;
            return true;
        }
    }
    return false;
}
