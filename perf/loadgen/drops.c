#include "drops.h"

#include "base/json.h"
#include "cli/line_client.h"

#include <inttypes.h>
#include <string.h>

// How the names of counters of dropped events begin.
static const char BEGINNING[] = "dropped_";

static struct drops_reason *find(struct drops *drops, const char *name)
{
    for (uint32_t i = 0; i < drops->count; i++) {
        if (strcmp(drops->reasons[i].name, name) == 0) {
            return &drops->reasons[i];
        }
    }
    return NULL;
}

static void add(struct drops *drops, const char *name, uint64_t events)
{
    struct drops_reason *reason = find(drops, name);
    if (reason == NULL && drops->count < DROPS_REASONS_MAX) {
        reason = &drops->reasons[drops->count++];
        (void)snprintf(reason->name, sizeof reason->name, "%s", name);
        reason->events = 0;
    }
    if (reason != NULL) {
        reason->events += events;
    }
}

static void take_worker(struct drops *drops, struct json_scanner *scanner)
{
    struct json_string key;
    char name[DROPS_NAME_SIZE];
    uint64_t events = 0;
    if (json_peek(scanner) != JSON_OBJECT) { // null: one that did not answer
        (void)json_skip_value(scanner);
        return;
    }
    (void)json_enter_object(scanner);
    while (json_next_member(scanner, &key)) {
        name[0] = 0;
        if (key.length < sizeof name) {
            json_unescape(key, (uint8_t *)name);
            name[key.length] = 0;
        }
        if (strncmp(name, BEGINNING, sizeof BEGINNING - 1) == 0 &&
            json_peek(scanner) == JSON_NUMBER) {
            if (json_read_u64(scanner, &events)) {
                add(drops, name, events);
            }
        } else {
            (void)json_skip_value(scanner);
        }
    }
}

bool drops_parse(struct drops *drops, struct slice answer)
{
    struct json_scanner scanner;
    struct json_string key;
    bool has_workers = false;
    memset(drops, 0, sizeof *drops);
    json_begin(&scanner, answer);
    if (json_peek(&scanner) != JSON_OBJECT || !json_enter_object(&scanner)) {
        return false;
    }
    while (json_next_member(&scanner, &key)) {
        if (json_string_is(key, "workers") && json_peek(&scanner) == JSON_ARRAY &&
            json_enter_array(&scanner)) {
            has_workers = true;
            while (json_next_element(&scanner)) {
                take_worker(drops, &scanner);
            }
        } else {
            (void)json_skip_value(&scanner);
        }
    }
    drops->is_known = has_workers && json_finish(&scanner);
    return drops->is_known;
}

void drops_read(struct drops *drops, const char *publish)
{
    static const char prefix[] = "unix:";
    char message[LINE_CLIENT_MESSAGE_SIZE];
    memset(drops, 0, sizeof *drops);
    if (publish == NULL || strncmp(publish, prefix, sizeof prefix - 1) != 0) {
        return;
    }
    struct buffer answer;
    buffer_init(&answer, LINE_CLIENT_ANSWER_BYTES_MAX);
    if (line_client_ask(publish + sizeof prefix - 1, slice_of("{\"op\":\"status\"}"), &answer,
                        message)) {
        (void)drops_parse(drops, buffer_slice(&answer));
    }
    buffer_free(&answer);
}

void drops_subtract(struct drops *drops, const struct drops *before)
{
    drops->is_known = drops->is_known && before->is_known;
    for (uint32_t i = 0; i < before->count; i++) {
        struct drops_reason *reason = find(drops, before->reasons[i].name);
        if (reason != NULL) {
            uint64_t events = before->reasons[i].events;
            reason->events -= events < reason->events ? events : reason->events;
        }
    }
}

uint64_t drops_sum(const struct drops *drops)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < drops->count; i++) {
        sum += drops->reasons[i].events;
    }
    return sum;
}

void drops_print(const struct drops *drops, FILE *out)
{
    if (!drops->is_known) {
        return;
    }
    (void)fprintf(out, "drops       the broker counted %" PRIu64, drops_sum(drops));
    const char *before = ": ";
    for (uint32_t i = 0; i < drops->count; i++) {
        if (drops->reasons[i].events > 0) {
            (void)fprintf(out, "%s%s %" PRIu64, before, drops->reasons[i].name,
                          drops->reasons[i].events);
            before = ", ";
        }
    }
    (void)fprintf(out, "\n");
}

void drops_write(const struct drops *drops, struct json_writer *writer)
{
    if (!drops->is_known) {
        return;
    }
    json_write_member_u64(writer, "server_dropped", drops_sum(drops));
    json_write_key(writer, "server_drops");
    json_write_object_open(writer);
    for (uint32_t i = 0; i < drops->count; i++) {
        json_write_member_u64(writer, drops->reasons[i].name, drops->reasons[i].events);
    }
    json_write_object_close(writer);
}
