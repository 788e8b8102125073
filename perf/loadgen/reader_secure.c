#include "reader_dial.h"

#include "base/assert.h"

#include <errno.h>

void reader_secure_begin(struct reader *reader, uint32_t index)
{
    struct reader_attempt *attempt = &reader->attempts[reader->subscribers[index].attempt];
    ASSERT(reader->sessions[index] == NULL);
    // Who comes for the first time has no ticket, whatever the others were given.
    struct secure_session *session = secure_begin(reader->secure, reader->reopened > 0);
    char error[SECURE_ERROR_SIZE] = "no memory";
    struct slice none = slice_empty();
    reader->sessions[index] = session;
    if (session == NULL ||
        secure_shake(session, &none, &attempt->output, error, sizeof error) < 0) {
        reader_give_up(reader, index, "connecting subscriber %u: %s", reader->config.first + index,
                       error);
        return;
    }
    reader_send(reader, index);
}

// Returns whether the handshake is over, and the request on its way.
static bool shake(struct reader *reader, uint32_t index, struct slice *arrived)
{
    struct secure_session *session = reader->sessions[index];
    struct reader_attempt *attempt = &reader->attempts[reader->subscribers[index].attempt];
    char error[SECURE_ERROR_SIZE] = "the request is too long";
    int result = secure_shake(session, arrived, &attempt->output, error, sizeof error);
    bool is_over = result > 0;
    if (is_over) {
        struct slice request = slice_from(attempt->request, attempt->request_length);
        result = secure_write(session, request, &attempt->output);
    }
    if (result < 0) {
        reader_give_up(reader, index, "connecting subscriber %u: %s", reader->config.first + index,
                       error);
        return false;
    }
    reader_send(reader, index);
    return is_over;
}

void reader_secure_take(struct reader *reader, uint32_t index, const uint8_t *at, size_t length)
{
    struct subscriber *subscriber = &reader->subscribers[index];
    struct secure_session *session = reader->sessions[index];
    struct slice arrived = slice_from(at, length);
    uint8_t plain[READER_BUFFER_BYTES];
    char error[SECURE_ERROR_SIZE];
    if (!secure_is_open(session) && !shake(reader, index, &arrived)) {
        return;
    }
    while (subscriber->state == SUBSCRIBER_WAITING || subscriber->state == SUBSCRIBER_RECEIVING) {
        ssize_t taken = secure_read(session, &arrived, plain, sizeof plain, error, sizeof error);
        if (taken == 0) {
            return;
        }
        if (taken > 0) {
            reader_take(reader, index, plain, (size_t)taken);
        } else {
            reader_give_up(reader, index, "stream %u: %s", subscriber->stream,
                           taken == -ENOTCONN ? "the server closed the connection" : error);
        }
    }
}
