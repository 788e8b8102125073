#include "cli/event_source.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"

#include <curl/curl.h>
#include <ringcast/version.h>
#include <stdio.h>
#include <string.h>

enum {
    POLL_MS = 500,
    ERROR_BODY_BYTES_MAX = 4096,
    FIELD_SIZE = 4096 + 64, // with the longest token
};

// One connection after the other; the reader outlives them all.
struct attempt {
    const struct event_source *source;
    struct sse_reader *reader;
    CURL *easy;
    struct buffer error_body;
    uint64_t heard_ms; // when bytes came last, monotonic
    bool is_stream;    // the answer is an event stream
    bool is_first;
    int reader_error;
};

static bool has_stream_type(CURL *easy)
{
    const char *type = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL &&
           strncasecmp(type, "text/event-stream", strlen("text/event-stream")) == 0;
}

static long response_status(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

// Returns less than it was given to make curl end the transfer.
static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct attempt *attempt = context;
    struct slice slice = slice_from(bytes, size * count);
    attempt->heard_ms = clock_monotonic_ms();
    if (!attempt->is_stream) {
        if (response_status(attempt->easy) != 200 || !has_stream_type(attempt->easy)) {
            (void)buffer_append_slice(&attempt->error_body, slice);
            return slice.length;
        }
        attempt->is_stream = true;
        if (attempt->source->on_open != NULL) {
            attempt->source->on_open(attempt->source->context, attempt->is_first);
        }
    }
    attempt->reader_error = sse_reader_feed(attempt->reader, slice);
    return attempt->reader_error != 0 || attempt->reader->stopped ? 0 : slice.length;
}

// What the body of a refusal says: the detail or title of a problem document (RFC 9457), if it is
// one.
static bool problem_text(struct slice body, char *text, size_t size)
{
    struct json_scanner scanner;
    struct json_string key;
    struct json_string value;
    bool found = false;
    json_begin(&scanner, body);
    if (json_peek(&scanner) != JSON_OBJECT || !json_enter_object(&scanner)) {
        return false;
    }
    while (json_next_member(&scanner, &key)) {
        bool is_detail = json_string_is(key, "detail");
        if ((!is_detail && (found || !json_string_is(key, "title"))) ||
            json_peek(&scanner) != JSON_STRING) {
            (void)json_skip_value(&scanner);
        } else if (json_read_string(&scanner, &value) && value.length < size) {
            json_unescape(value, (uint8_t *)text);
            text[value.length] = 0;
            found = value.length > 0;
        }
    }
    return found;
}

static void describe_refusal(struct attempt *attempt, long status, char *message)
{
    char text[256];
    if (status == 200) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE,
                       "%s answers, but not with an event stream", attempt->source->url);
    } else if (problem_text(buffer_slice(&attempt->error_body), text, sizeof(text))) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "the broker answers %ld: %s", status,
                       text);
    } else {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "%s answers %ld", attempt->source->url,
                       status);
    }
}

static bool should_stop(const struct event_source *source)
{
    return source->stop != NULL && *source->stop != 0;
}

// Runs the one transfer of `multi` to its end. False when it was stopped or fell silent; *code is
// then unset.
static bool transfer(struct attempt *attempt, CURLM *multi, CURLcode *code, bool *is_idle)
{
    const struct event_source *source = attempt->source;
    for (;;) {
        int running = 0;
        int left = 0;
        (void)curl_multi_perform(multi, &running);
        for (CURLMsg *done = NULL; (done = curl_multi_info_read(multi, &left)) != NULL;) {
            if (done->msg == CURLMSG_DONE) {
                *code = done->data.result;
                return true;
            }
        }
        if (should_stop(source)) {
            return false;
        }
        uint64_t silent_ms = clock_monotonic_ms() - attempt->heard_ms;
        if (source->idle_ms_max != 0 && silent_ms > source->idle_ms_max) {
            *is_idle = true;
            return false;
        }
        (void)curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
    }
}

// Writes the field with the token that the file holds. False with one line in message.
static bool read_token(const char *path, char field[FIELD_SIZE], char *message)
{
    FILE *file = fopen(path, "re");
    size_t length = (size_t)snprintf(field, FIELD_SIZE, "Authorization: Bearer ");
    size_t start = length;
    if (file != NULL) {
        length += fread(field + length, 1, FIELD_SIZE - length, file);
        (void)fclose(file);
    }
    while (length > start && strchr(" \t\r\n", field[length - 1]) != NULL) {
        length--;
    }
    for (size_t i = start; i < length; i++) {
        if (field[i] <= ' ' || field[i] > '~') {
            length = start; // it would be another field, or none
        }
    }
    if (length == start || length == FIELD_SIZE) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "%.256s cannot be read, or is no token",
                       path);
        return false;
    }
    field[length] = 0;
    return true;
}

static struct curl_slist *request_fields(struct slice last_id, const char *authorization)
{
    struct curl_slist *fields = curl_slist_append(NULL, "Accept: text/event-stream");
    fields = curl_slist_append(fields, "Cache-Control: no-cache");
    if (authorization[0] != 0) {
        fields = curl_slist_append(fields, authorization);
    }
    if (last_id.length > 0) {
        char field[SSE_READER_ID_BYTES_MAX + 32];
        (void)snprintf(field, sizeof(field), "Last-Event-ID: " SLICE_FORMAT,
                       SLICE_ARGUMENTS(last_id));
        fields = curl_slist_append(fields, field);
    }
    return fields;
}

static void set_options(struct attempt *attempt, struct curl_slist *fields, char *curl_error)
{
    CURL *easy = attempt->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, attempt->source->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); // a stream may be called ".."
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)EVENT_SOURCE_CONNECT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "ringcast/" RC_VERSION_STRING);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt);
}

enum attempt_result {
    ATTEMPT_STOPPED,
    ATTEMPT_OVER,
    ATTEMPT_REFUSED,
    ATTEMPT_LOST, // worth another attempt
};

static enum attempt_result judge_answer(struct attempt *attempt, CURLcode code,
                                        const char *curl_error, char *message)
{
    long status = response_status(attempt->easy);
    if (attempt->reader->stopped) {
        return ATTEMPT_STOPPED;
    }
    if (attempt->reader_error != 0) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "an event is too large to be taken");
        return ATTEMPT_REFUSED;
    }
    if (attempt->is_stream || code != CURLE_OK) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "%s",
                       curl_error[0] != 0 ? curl_error
                       : code != CURLE_OK ? curl_easy_strerror(code)
                                          : "the broker closed the connection");
        return ATTEMPT_LOST;
    }
    if (status == 200 && has_stream_type(attempt->easy)) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "the broker closed the connection");
        return ATTEMPT_LOST;
    }
    if (status == 204) {
        return ATTEMPT_OVER;
    }
    describe_refusal(attempt, status, message);
    return status == 408 || status == 429 || status >= 500 ? ATTEMPT_LOST : ATTEMPT_REFUSED;
}

static enum attempt_result connect_once(struct attempt *attempt, char *message,
                                        uint64_t *retry_after_ms)
{
    char curl_error[CURL_ERROR_SIZE] = "";
    char authorization[FIELD_SIZE] = "";
    const char *token_path = attempt->source->token_path;
    enum attempt_result result = ATTEMPT_STOPPED;
    if (token_path != NULL && !read_token(token_path, authorization, message)) {
        return ATTEMPT_REFUSED;
    }
    CURLM *multi = curl_multi_init();
    attempt->easy = curl_easy_init();
    struct curl_slist *fields =
        request_fields(buffer_slice(&attempt->reader->last_id), authorization);
    if (multi == NULL || attempt->easy == NULL || fields == NULL) {
        (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "out of memory");
        result = ATTEMPT_REFUSED;
    } else {
        CURLcode code = CURLE_OK;
        bool is_idle = false;
        set_options(attempt, fields, curl_error);
        attempt->heard_ms = clock_monotonic_ms();
        (void)curl_multi_add_handle(multi, attempt->easy);
        if (transfer(attempt, multi, &code, &is_idle)) {
            curl_off_t retry_after_s = 0;
            result = judge_answer(attempt, code, curl_error, message);
            (void)curl_easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
            *retry_after_ms = retry_after_s > 0 ? (uint64_t)retry_after_s * 1000 : 0;
        } else if (is_idle) {
            (void)snprintf(message, EVENT_SOURCE_MESSAGE_SIZE, "nothing came for too long");
            result = ATTEMPT_LOST;
        }
        (void)curl_multi_remove_handle(multi, attempt->easy);
    }
    curl_slist_free_all(fields);
    curl_easy_cleanup(attempt->easy);
    (void)curl_multi_cleanup(multi);
    return result;
}

uint64_t event_source_delay_ms(uint64_t retry_ms, unsigned failures, uint64_t chance)
{
    uint64_t most_ms = retry_ms > EVENT_SOURCE_RETRY_MS_MAX ? retry_ms : EVENT_SOURCE_RETRY_MS_MAX;
    uint64_t delay_ms = retry_ms;
    for (unsigned i = 1; i < failures && delay_ms < most_ms; i++) {
        delay_ms *= 2;
    }
    delay_ms = delay_ms < most_ms ? delay_ms : most_ms;
    return delay_ms / 2 + (delay_ms == 0 ? 0 : chance % delay_ms);
}

// False when told to stop meanwhile.
static bool wait_for(const struct event_source *source, uint64_t delay_ms)
{
    uint64_t until_ms = clock_monotonic_ms() + delay_ms;
    for (uint64_t now_ms; !should_stop(source) && (now_ms = clock_monotonic_ms()) < until_ms;) {
        uint64_t left_ms = until_ms - now_ms < POLL_MS ? until_ms - now_ms : POLL_MS;
        const struct timespec pause = {.tv_sec = 0, .tv_nsec = (long)left_ms * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    return !should_stop(source);
}

static enum event_source_end run(struct attempt *attempt, char *message)
{
    const struct event_source *source = attempt->source;
    unsigned failures = 0;
    for (;;) {
        uint64_t retry_after_ms = 0;
        attempt->is_stream = false;
        buffer_clear(&attempt->error_body);
        sse_reader_restart(attempt->reader);
        enum attempt_result result = connect_once(attempt, message, &retry_after_ms);
        if (result != ATTEMPT_LOST) {
            return result == ATTEMPT_STOPPED ? EVENT_SOURCE_STOPPED
                   : result == ATTEMPT_OVER  ? EVENT_SOURCE_OVER
                                             : EVENT_SOURCE_REFUSED;
        }
        if (attempt->is_first && !attempt->is_stream) {
            return EVENT_SOURCE_FAILED;
        }
        attempt->is_first = false;
        failures = attempt->is_stream ? 1 : failures + 1;
        uint64_t retry_ms =
            attempt->reader->retry_ms != 0 ? attempt->reader->retry_ms : EVENT_SOURCE_RETRY_MS;
        uint64_t delay_ms = event_source_delay_ms(retry_ms, failures, random_u64());
        delay_ms = delay_ms > retry_after_ms ? delay_ms : retry_after_ms;
        if (source->on_lost != NULL) {
            source->on_lost(source->context, message, delay_ms,
                            buffer_slice(&attempt->reader->last_id));
        }
        if (!wait_for(source, delay_ms)) {
            return EVENT_SOURCE_STOPPED;
        }
    }
}

enum event_source_end event_source_run(const struct event_source *source, char *message)
{
    struct sse_reader reader;
    struct attempt attempt = {.source = source, .reader = &reader, .is_first = true};
    sse_reader_init(&reader, source->on_event, source->context);
    buffer_init(&attempt.error_body, ERROR_BODY_BYTES_MAX);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    message[0] = 0;
    enum event_source_end end = run(&attempt, message);
    curl_global_cleanup();
    buffer_free(&attempt.error_body);
    sse_reader_free(&reader);
    return end;
}
