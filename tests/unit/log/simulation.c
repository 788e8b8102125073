// The model of the simulation: payloads, and reading back (see test_simulation.c).
#include "simulation.h"

#include <string.h>

struct simulation sim;

const char *simulation_stream(uint32_t stream)
{
    static const char *names[STREAMS] = {"a", "b/c", "chat/42",
                                         "d", "e",   "a rather long name of a stream"};
    return names[stream];
}

// --- payloads ---

static void fill_text(uint8_t *at, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        uint64_t dice = prng_below(&sim.prng, 40);
        at[i] = dice == 0 ? '\n' : (uint8_t)('a' + dice % 26);
    }
}

// Bytes of a real block of this life, with the right salt and checksum.
static uint32_t fill_with_block(uint8_t *at, uint32_t most)
{
    const struct writer *writer = &harness.log->writer;
    if (writer->handed.last_position < harness.log->handout.floor ||
        writer->handed.last_position == 0) {
        return 0;
    }
    const uint8_t *block = log_tail_at(harness.log->tail, writer->handed.last_position);
    uint32_t length = block_header_of(block)->length;
    if (length > most) {
        return 0;
    }
    memcpy(at, block, length);
    if (prng_chance(&sim.prng, 1, 2)) {
        // As it might stand right here: later ids, chained to the last block.
        struct block_header *header = (struct block_header *)(void *)at;
        uint64_t count = header->last_id - header->first_id;
        struct block_record *records = (struct block_record *)(uintptr_t)block_records(at);
        struct block_stream *streams = (struct block_stream *)(uintptr_t)block_streams(at);
        uint64_t more = harness.log->next_id + 10 + count - header->first_id;
        header->previous_position = writer->closed.last_position;
        header->first_id += more;
        header->last_id += more;
        for (uint32_t i = 0; i < header->record_count; i++) {
            records[i].id += more;
        }
        for (uint32_t i = 0; i < header->stream_count; i++) {
            streams[i].first_id += more;
            streams[i].last_id += more;
        }
        block_seal(at);
    }
    return length;
}

bool simulation_make_payload(struct sim_event *event, uint32_t number)
{
    static _Alignas(8) uint8_t bytes[PAYLOAD_BYTES_MAX];
    char reference[REFERENCE_BYTES + 1];
    (void)snprintf(reference, sizeof(reference), "%08x", number);
    memcpy(bytes, reference, REFERENCE_BYTES);
    uint64_t dice = prng_below(&sim.prng, 100);
    uint32_t length = 0;
    bool binary = false;
    if (dice < 10) {
        length = fill_with_block(bytes + REFERENCE_BYTES, PAYLOAD_BYTES_MAX / 2);
        binary = length > 0;
    } else if (dice < 15) {
        length = (uint32_t)prng_below(&sim.prng, 1000);
        prng_bytes(&sim.prng, bytes + REFERENCE_BYTES, length);
        binary = true;
    }
    if (!binary) {
        uint64_t most = dice < 20 ? PAYLOAD_BYTES_MAX / 2 : 200;
        length = (uint32_t)prng_below(&sim.prng, most);
        fill_text(bytes + REFERENCE_BYTES, length);
    }
    event->length = length + REFERENCE_BYTES;
    event->payload = malloc(event->length);
    CHECK(event->payload != NULL, "out of memory");
    memcpy(event->payload, bytes, event->length);
    return binary;
}

// --- reading back ---

void simulation_check_event(void *context, const struct block_record *record, struct slice payload)
{
    uint32_t stream = *(const uint32_t *)context;
    CHECK(payload.length >= REFERENCE_BYTES, "a payload that nobody submitted, id %llu",
          (unsigned long long)record->id);
    char reference[REFERENCE_BYTES + 1] = {0};
    memcpy(reference, payload.at, REFERENCE_BYTES);
    uint32_t number = (uint32_t)strtoul(reference, NULL, 16);
    CHECK(number < sim.event_count, "event %u was never submitted", number);
    struct sim_event *event = &sim.events[number];
    CHECK(event->stream == stream, "event %u is in the wrong stream", number);
    CHECK(slice_equal(payload, slice_from(event->payload, event->length)), "event %u is changed",
          number);
    CHECK(event->id == 0 || event->id == record->id, "event %u had id %llu, and now %llu", number,
          (unsigned long long)event->id, (unsigned long long)record->id);
    CHECK(event->sequence == 0 || event->sequence == record->sequence,
          "event %u had sequence %llu, and now %llu", number, (unsigned long long)event->sequence,
          (unsigned long long)record->sequence);
    if (record->id <= sim.last_id && sim.live) {
        return; // had before: a block that is sent again after a lap
    }
    CHECK(record->id > sim.last_id, "ids out of order");
    CHECK(record->sequence > sim.last_sequence, "sequences out of order");
    CHECK(!event->seen || sim.live, "event %u is there twice", number);
    if (event->id == 0) {
        CHECK(event->life < sim.life || record->id > sim.id_max, "id %llu was given out before",
              (unsigned long long)record->id);
        CHECK(event->life < sim.life || record->sequence > sim.sequence_max[stream],
              "sequence %llu was given out before", (unsigned long long)record->sequence);
    }
    event->id = record->id;
    event->sequence = record->sequence;
    sim.last_id = record->id;
    sim.last_sequence = record->sequence;
    if (sim.live) {
        CHECK(!event->handed, "event %u was handed out twice", number);
        event->handed = true;
    } else {
        event->seen = true;
    }
}

// Everything of the stream behind `after`.
static void read_stream(uint32_t stream, uint64_t number, uint64_t after)
{
    sim.last_id = after;
    sim.last_sequence = 0;
    for (unsigned attempts = 0;;) {
        struct log_lookup lookup = harness_lookup(0, number, LOG_FROM_ID, sim.last_id);
        if (lookup.error == ERR_LOG_ERROR && sim.has_flips) {
            sim.has_unreadable = true;
            return;
        }
        CHECK(lookup.error == ERR_NONE, "a look-up failed: %u", lookup.error);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            int count =
                harness_read_run(&lookup.runs[i], number, NULL, simulation_check_event, &stream);
            if (count < 0 && sim.has_flips) {
                sim.has_unreadable = true;
                continue;
            }
            if (count < 0 && sim.has_retention && attempts++ < 100) {
                lookup.more = true; // it went right after the answer: ask again
                lookup.end_id = sim.last_id;
                break;
            }
            CHECK(count >= 0, "a run cannot be read");
            CHECK((uint32_t)count == lookup.runs[i].count, "a run lacks events");
            CHECK(sim.last_id == lookup.runs[i].last_id, "a run's last id is wrong");
        }
        if (!lookup.more) {
            return;
        }
        sim.last_id = lookup.end_id;
    }
}

static bool must_be_there(const struct sim_event *event, enum ending ending)
{
    if (event->id != 0 && event->id <= sim.discarded[event->stream]) {
        CHECK(sim.has_retention, "nothing discards here");
        return false;
    }
    if (sim.has_flips) {
        // What the checkpoint of an earlier start vouches for. A flipped bit at the end of the log,
        // where no later block tells that it was synced, cannot be told from a torn end.
        return event->kept;
    }
    if (event->kept || (event->acknowledged && event->level == ACK_SYNCED)) {
        return true;
    }
    return ending != END_POWER_CUT && event->life + 1 == sim.life &&
           (event->handed || (event->acknowledged && event->level == ACK_WRITTEN));
}

// Also what went while we were reading.
static uint64_t discarded_now(uint32_t stream)
{
    const struct log_stream *entry =
        streams_find(&harness.log->streams, slice_of(simulation_stream(stream)));
    return entry == NULL ? 0 : entry->discarded_id;
}

void simulation_check_start(enum ending ending)
{
    sim.live = false;
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        struct log_subscription subscription = {.name = slice_of(simulation_stream(stream))};
        log_handle_message(harness.log,
                           &(struct log_message){.kind = LOG_SUBSCRIBE, .pointer = &subscription});
        struct log_message answer;
        do {
            CHECK(harness_take(0, &answer), "no answer");
        } while (answer.kind != LOG_SUBSCRIBED); // but what retention discarded meanwhile
        if (subscription.state.number != 0) {
            read_stream(stream, subscription.state.number, 0);
            CHECK(sim.last_id == subscription.state.last_id || sim.has_flips ||
                      subscription.state.last_id <= discarded_now(stream),
                  "the stream's last id is wrong");
        }
    }
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        sim.discarded[stream] = discarded_now(stream);
    }
    uint64_t first_lost = UINT64_MAX; // of the life that ended, among those with an id
    for (uint32_t i = 0; i < sim.event_count; i++) {
        struct sim_event *event = &sim.events[i];
        if (!event->seen) {
            bool is_told =
                sim.has_flips && (sim.has_unreadable || harness.log->counts.faults_at_start > 0);
            CHECK(is_told || event->is_lost || !must_be_there(event, ending),
                  "event %u (id %llu, level %u, life %u) is lost", i, (unsigned long long)event->id,
                  event->level, event->life);
            event->is_lost = event->is_lost || is_told;
            if (event->life + 1 == sim.life && event->id > sim.discarded[event->stream] &&
                event->id < first_lost && !sim.has_flips) {
                first_lost = event->id;
            }
        }
    }
    for (uint32_t i = 0; i < sim.event_count; i++) {
        struct sim_event *event = &sim.events[i];
        if (event->seen) {
            CHECK(event->life + 1 != sim.life || event->id < first_lost,
                  "event %u survived, one before it did not", i);
            event->kept = true;
            event->seen = false;
        }
        if (event->id > sim.id_max) {
            sim.id_max = event->id;
        }
        if (event->sequence > sim.sequence_max[event->stream]) {
            sim.sequence_max[event->stream] = event->sequence;
        }
    }
    CHECK(harness.log->next_id > sim.id_max, "ids would be given out again: next %llu, max %llu",
          (unsigned long long)harness.log->next_id, (unsigned long long)sim.id_max);
}
