#include "unit/ingest/rig.h"

#include "base/clock.h"
#include "base/logger.h"
#include "worker/figures.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct rig rig;

static bool post(void *context, unsigned worker, const struct log_message *message)
{
    (void)context;
    if (rig.inboxes_full) {
        return false;
    }
    cr_assert_lt(worker, RIG_WORKERS);
    if (message->kind == MESSAGE_TASKS_DONE) {
        cr_assert_lt(rig.chain_count, 256);
        rig.chains[rig.chain_count] = message->pointer;
        rig.chain_workers[rig.chain_count++] = worker;
        return true;
    }
    cr_assert_lt(rig.asked_count, 256);
    cr_assert_eq(message->kind, MESSAGE_ADMIN);
    rig.asked[rig.asked_count] = *message;
    rig.asked[rig.asked_count].reader = worker;
    rig.asked_count++;
    return true;
}

void rig_answer_admin(void)
{
    while (rig.answered_count < rig.asked_count) {
        struct log_message message = rig.asked[rig.answered_count++];
        struct admin_request *admin = message.pointer;
        struct admin_part *part = &admin->parts[message.reader];
        buffer_init(&part->json, 16 << 20);
        if (admin->operation == ADMIN_FIGURES) {
            admin->figures[message.reader].connections = 5 + message.reader;
        }
        part->reached = rig.reached[message.reader];
        part->error = rig.errors[message.reader];
        if (rig.json[message.reader] != NULL) {
            buffer_append_text(&part->json, rig.json[message.reader]);
        }
        message.kind = MESSAGE_ADMIN_DONE;
        ingest_handle_message(rig.ingest, &message);
    }
}

static bool on_round(void *context)
{
    (void)context;
    if (rig.ingest == NULL) {
        return false;
    }
    if (!rig.workers_hold) {
        rig_answer_admin();
    }
    bool more = ingest_round(rig.ingest);
    fake_log_round();
    return ingest_flush(rig.ingest) || more;
}

void rig_begin(struct ingest_options options)
{
    logger_set_level(LOGGER_OFF);
    rig = (struct rig){0};
    fake_log_begin();
    char error[LOOP_ERROR_SIZE];
    struct loop_config config = {.callbacks = {.on_round = on_round}};
    cr_assert_eq(loop_init(&rig.loop, &config, error, sizeof error), 0, "%s", error);
    cr_assert_eq(loop_start(&rig.loop, error, sizeof error), 0, "%s", error);
    const char *base = getenv("RC_TMP") != NULL ? getenv("RC_TMP") : "/tmp";
    snprintf(rig.directory, sizeof rig.directory, "%.40s/ingestXXXXXX", base);
    cr_assert_not_null(mkdtemp(rig.directory));
    snprintf(rig.path, sizeof rig.path, "%s/socket", rig.directory);
    options.socket_path = rig.path;
    options.workers = RIG_WORKERS;
    struct ingest *ingest =
        ingest_create(&rig.loop, NULL, &options, post, &rig, error, sizeof error);
    cr_assert_not_null(ingest, "%s", error);
    rig.ingest = ingest;
    fake_log.ingest = ingest;
    rig_round();
}

void rig_close(void)
{
    for (int i = 0; i < rig.client_count; i++) {
        rig_disconnect(&rig.clients[i]);
    }
    struct ingest *ingest = rig.ingest;
    rig_settle();
    rig.ingest = NULL;
    ingest_destroy(ingest);
    loop_stop(&rig.loop);
    loop_free(&rig.loop);
    cr_expect_neq(access(rig.path, F_OK), 0);
    rmdir(rig.directory);
}

void rig_end(void)
{
    rig_close();
    fake_log_end();
}

void rig_round(void)
{
    loop_round(&rig.loop, 1000 * 1000);
}

void rig_read(struct rig_client *client)
{
    uint8_t bytes[65536];
    while (client->fd >= 0 && !client->is_closed) {
        ssize_t count = recv(client->fd, bytes, sizeof bytes, 0);
        if (count > 0) {
            buffer_append(&client->in, bytes, (size_t)count);
        } else if (count == 0 || errno == ECONNRESET || errno == EPIPE) {
            client->is_closed = true;
        } else {
            break;
        }
    }
}

static uint64_t movement(void)
{
    struct ingest_status status;
    ingest_get_status(rig.ingest, &status);
    uint64_t sum = status.bytes + status.requests + status.connections + status.refused +
                   status.producers * 1000000 + fake_log.count + fake_log.acknowledged +
                   (uint64_t)rig.asked_count + rig.loop.stats.completions;
    for (int i = 0; i < rig.client_count; i++) {
        sum += buffer_length(&rig.clients[i].in) + rig.clients[i].is_closed;
    }
    return sum;
}

void rig_settle(void)
{
    int quiet = 0;
    for (int i = 0; i < 20000 && quiet < 4; i++) {
        uint64_t before = movement();
        rig_round();
        for (int n = 0; n < rig.client_count; n++) {
            rig_read(&rig.clients[n]);
        }
        quiet = movement() == before ? quiet + 1 : 0;
    }
}

void rig_pass(unsigned milliseconds)
{
    uint64_t end = clock_monotonic_ms() + milliseconds;
    while (clock_monotonic_ms() < end) {
        rig_round();
    }
}

struct rig_client *rig_connect(void)
{
    cr_assert_lt(rig.client_count, RIG_CLIENTS_MAX);
    struct rig_client *client = &rig.clients[rig.client_count++];
    buffer_init(&client->in, 64 << 20);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", rig.path);
    cr_assert_eq(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
    rig_round();
    rig_round();
    return client;
}

bool rig_write(struct rig_client *client, struct slice bytes)
{
    int stuck = 0;
    while (bytes.length > 0 && stuck < 20) {
        ssize_t count = send(client->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
        if (count > 0) {
            bytes = slice_after(bytes, (size_t)count);
            stuck = 0;
        } else {
            cr_assert(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
            stuck++;
            rig_round();
        }
    }
    return bytes.length == 0;
}

void rig_write_text(struct rig_client *client, const char *text)
{
    cr_assert(rig_write(client, slice_of(text)));
}

void rig_disconnect(struct rig_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
        buffer_free(&client->in);
    }
}

const char *rig_text(struct rig_client *client)
{
    static char *text;
    rig_settle();
    struct slice in = buffer_slice(&client->in);
    free(text);
    text = malloc(in.length + 1);
    memcpy(text, in.length > 0 ? in.at : (const uint8_t *)"", in.length);
    text[in.length] = 0;
    buffer_clear(&client->in);
    return text;
}

// Drops CREDIT frames from the front: they come when they come.
static void drop_credits(struct rig_client *client)
{
    struct frames_answer answer;
    struct slice in = buffer_slice(&client->in);
    bool is_binary = in.length > 0 && in.at[0] != '{';
    while (is_binary && frames_take(&in, &answer) && answer.kind == RC_FRAME_CREDIT) {
        client->credit = answer.credit;
        buffer_consume(&client->in, buffer_length(&client->in) - in.length);
    }
}

struct frames_answer rig_answer(struct rig_client *client)
{
    static uint8_t kept[1 << 16];
    struct frames_answer answer;
    drop_credits(client);
    struct slice in = buffer_slice(&client->in);
    if (!frames_take(&in, &answer)) {
        rig_settle();
        drop_credits(client);
        in = buffer_slice(&client->in);
        cr_assert(frames_take(&in, &answer), "no answer; %zu bytes, closed %d", in.length,
                  client->is_closed);
    }
    cr_assert_leq(answer.payload.length, sizeof kept);
    memcpy(kept, answer.payload.at, answer.payload.length);
    answer.payload.at = kept;
    buffer_consume(&client->in, buffer_length(&client->in) - in.length);
    return answer;
}

void rig_expect_nothing(struct rig_client *client)
{
    rig_settle();
    drop_credits(client);
    cr_expect_eq(buffer_length(&client->in), 0, "unexpected: " SLICE_FORMAT,
                 SLICE_ARGUMENTS(buffer_slice(&client->in)));
}

struct rig_client *rig_connect_binary(uint64_t producer_id, uint32_t epoch)
{
    struct rig_client *client = rig_connect();
    struct buffer hello;
    buffer_init(&hello, 64);
    frames_hello(&hello, 1, producer_id, epoch);
    cr_assert(rig_write(client, buffer_slice(&hello)));
    buffer_free(&hello);
    cr_assert_eq(rig_answer(client).kind, RC_FRAME_WELCOME);
    return client;
}
