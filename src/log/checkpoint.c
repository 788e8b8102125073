#include "log/checkpoint.h"

#include "base/crc32c.h"
#include "base/limits.h"
#include "log/segment.h"

static const char magic[8] = "RCCHKPT1";

enum {
    CRC_OFFSET = 8,
    CRC_START = 12,
};

// The header as it stands in the file, after magic, CRC and version.
struct stored_head {
    struct checkpoint_head head;
    uint64_t stream_count;
    uint64_t producer_count;
    uint64_t segment_count;
    uint64_t streams_length;
    uint64_t body_length;
    uint32_t body_crc;
    uint32_t zero;
};

// A stream as it stands in the file. Its name follows, padded with zeros to 8, and rest_length
// bytes: none, or its flow settings alone, or a struct stored_rest and the content type, padded
// likewise.
struct stored_stream {
    uint64_t numbers[10];  // number .. discarded_count, in the order of struct checkpoint_stream
    uint64_t retention[4]; // in the order of struct stream_settings
    uint32_t name_length;
    uint32_t rest_length;
};

struct stored_rest {
    struct stream_flow flow;
    uint64_t owner;
    uint8_t life; // enum stream_life
    uint8_t is_made;
    uint8_t content_type_length;
    uint8_t zero[5];
};

enum {
    HEAD_OFFSET = 16,
    ALIGNMENT = 8,
};

_Static_assert(HEAD_OFFSET + sizeof(struct stored_head) <= CHECKPOINT_HEADER_BYTES, "fits");
_Static_assert(sizeof(struct stored_stream) == 120, "on-disk format");
_Static_assert(sizeof(struct stored_rest) == 48, "on-disk format");
_Static_assert(sizeof(struct stored_stream) + sizeof(struct stored_rest) + (NAME_BYTES_MAX + 1) +
                       (ATTRIBUTE_BYTES_MAX + 1) ==
                   CHECKPOINT_STREAM_BYTES_MAX,
               "names are padded to the next 8 bytes");
_Static_assert(sizeof(struct checkpoint_producer) == 56, "on-disk format");
_Static_assert(sizeof(struct checkpoint_segment) == 80, "on-disk format");
_Static_assert(sizeof(struct checkpoint_head) == 48, "on-disk format");

// --- writing ---

void checkpoint_begin(struct checkpoint_writer *writer, struct buffer *out,
                      const struct checkpoint_head *head)
{
    ASSERT(buffer_length(out) == 0);
    *writer = (struct checkpoint_writer){.out = out};
    uint8_t *header = buffer_reserve(out, CHECKPOINT_HEADER_BYTES);
    if (header != NULL) {
        memset(header, 0, CHECKPOINT_HEADER_BYTES);
        memcpy(header + HEAD_OFFSET, head, sizeof *head);
        buffer_commit(out, CHECKPOINT_HEADER_BYTES);
    }
}

static void put(struct checkpoint_writer *writer, const void *bytes, size_t length)
{
    if (buffer_append(writer->out, bytes, length) == 0) {
        writer->body_crc = crc32c(writer->body_crc, bytes, length);
    }
}

static void put_padded(struct checkpoint_writer *writer, struct slice bytes)
{
    static const uint8_t zeros[ALIGNMENT];
    put(writer, bytes.at, bytes.length);
    put(writer, zeros, align_up(bytes.length, ALIGNMENT) - bytes.length);
}

static bool has_rest(const struct checkpoint_stream *stream)
{
    static const struct stream_flow no_flow;
    return stream->life != STREAM_OPEN || stream->is_made || stream->settings.owner != 0 ||
           stream->content_type.length > 0 ||
           memcmp(&stream->settings.flow, &no_flow, sizeof no_flow) != 0;
}

void checkpoint_add_stream(struct checkpoint_writer *writer, const struct checkpoint_stream *stream)
{
    ASSERT(writer->counts[1] == 0 && writer->counts[2] == 0);
    ASSERT(stream->name.length >= 1 && stream->name.length <= NAME_BYTES_MAX);
    ASSERT(stream->content_type.length <= ATTRIBUTE_BYTES_MAX);
    const struct stream_settings *settings = &stream->settings;
    const struct stored_rest rest = {
        .flow = settings->flow,
        .owner = settings->owner,
        .life = (uint8_t)stream->life,
        .is_made = stream->is_made,
        .content_type_length = (uint8_t)stream->content_type.length,
    };
    uint32_t rest_length =
        (uint32_t)(sizeof rest + align_up(stream->content_type.length, ALIGNMENT));
    const struct stored_stream stored = {
        .numbers = {stream->number, stream->last_id, stream->last_sequence, stream->discarded_id,
                    stream->discarded_sequence, stream->last_time_ms, stream->cumulative_bytes,
                    stream->cumulative_count, stream->discarded_bytes, stream->discarded_count},
        .retention = {settings->retention_age_ms, settings->retention_bytes,
                      settings->retention_count, settings->idle_ttl_ms},
        .name_length = (uint32_t)stream->name.length,
        .rest_length = has_rest(stream) ? rest_length : 0,
    };
    put(writer, &stored, sizeof stored);
    put_padded(writer, stream->name);
    if (stored.rest_length != 0) {
        put(writer, &rest, sizeof rest);
        put_padded(writer, stream->content_type);
    }
    writer->counts[0]++;
    writer->streams_length = buffer_length(writer->out) - CHECKPOINT_HEADER_BYTES;
}

void checkpoint_add_producer(struct checkpoint_writer *writer,
                             const struct checkpoint_producer *producer)
{
    ASSERT(writer->counts[2] == 0);
    put(writer, producer, sizeof *producer);
    writer->counts[1]++;
}

void checkpoint_add_segment(struct checkpoint_writer *writer,
                            const struct checkpoint_segment *segment)
{
    put(writer, segment, sizeof *segment);
    writer->counts[2]++;
}

int checkpoint_finish(struct checkpoint_writer *writer)
{
    struct buffer *out = writer->out;
    if (buffer_failure(out) != 0) {
        return buffer_failure(out);
    }
    uint8_t *header = out->storage + out->start;
    struct stored_head stored;
    memcpy(&stored, header + HEAD_OFFSET, sizeof stored);
    stored.stream_count = writer->counts[0];
    stored.producer_count = writer->counts[1];
    stored.segment_count = writer->counts[2];
    stored.streams_length = writer->streams_length;
    stored.body_length = buffer_length(out) - CHECKPOINT_HEADER_BYTES;
    stored.body_crc = writer->body_crc;
    memcpy(header + HEAD_OFFSET, &stored, sizeof stored);
    memcpy(header, magic, sizeof magic);
    store_le32(header + 12, LOG_FORMAT_VERSION);
    store_le32(header + CRC_OFFSET,
               crc32c(0, header + CRC_START, CHECKPOINT_HEADER_BYTES - CRC_START));
    return 0;
}

// --- reading ---

// What follows a stream's name. False where it is malformed.
static bool read_rest(struct slice bytes, struct checkpoint_stream *stream)
{
    if (bytes.length == 0) {
        return true;
    }
    if (bytes.length == sizeof stream->settings.flow) {
        memcpy(&stream->settings.flow, bytes.at, bytes.length);
        return stream_flow_is_valid(&stream->settings.flow);
    }
    struct stored_rest rest;
    if (bytes.length < sizeof rest) {
        return false;
    }
    memcpy(&rest, bytes.at, sizeof rest);
    if (bytes.length != sizeof rest + align_up(rest.content_type_length, ALIGNMENT) ||
        rest.life >= STREAM_LIVES || rest.is_made > 1) {
        return false;
    }
    stream->settings.flow = rest.flow;
    stream->settings.owner = rest.owner;
    stream->life = (enum stream_life)rest.life;
    stream->is_made = rest.is_made == 1;
    stream->content_type = slice_from(bytes.at + sizeof rest, rest.content_type_length);
    return stream_flow_is_valid(&rest.flow) &&
           (rest.content_type_length == 0 || content_type_is_valid(stream->content_type));
}

// Takes the next stream off *rest. False at its end or where it is malformed.
static bool take_stream(struct slice *rest, struct checkpoint_stream *stream)
{
    struct stored_stream stored;
    if (rest->length < sizeof stored) {
        return false;
    }
    memcpy(&stored, rest->at, sizeof stored);
    if (stored.name_length < 1 || stored.name_length > NAME_BYTES_MAX ||
        align_up(stored.name_length, ALIGNMENT) + stored.rest_length >
            rest->length - sizeof stored) {
        return false;
    }
    size_t length = sizeof stored + align_up(stored.name_length, ALIGNMENT);
    *stream = (struct checkpoint_stream){
        .number = stored.numbers[0],
        .last_id = stored.numbers[1],
        .last_sequence = stored.numbers[2],
        .discarded_id = stored.numbers[3],
        .discarded_sequence = stored.numbers[4],
        .last_time_ms = stored.numbers[5],
        .cumulative_bytes = stored.numbers[6],
        .cumulative_count = stored.numbers[7],
        .discarded_bytes = stored.numbers[8],
        .discarded_count = stored.numbers[9],
        .settings = {.retention_age_ms = stored.retention[0],
                     .retention_bytes = stored.retention[1],
                     .retention_count = stored.retention[2],
                     .idle_ttl_ms = stored.retention[3],
                     .parts = SETTINGS_PARTS},
        .name = slice_from(rest->at + sizeof stored, stored.name_length),
    };
    if (!read_rest(slice_from(rest->at + length, stored.rest_length), stream)) {
        return false;
    }
    *rest = slice_after(*rest, length + stored.rest_length);
    // Before lives were stored, nobody said which streams were made.
    stream->is_made = stream->is_made ||
                      (stream->life == STREAM_OPEN && !settings_are_default(&stream->settings));
    return true;
}

static bool streams_are_sound(const struct checkpoint_reader *reader)
{
    struct slice rest = reader->streams;
    struct checkpoint_stream stream;
    uint64_t count = 0;
    while (take_stream(&rest, &stream)) {
        if (stream.number == 0 || stream.number >= reader->head.next_stream_number) {
            return false;
        }
        count++;
    }
    return rest.length == 0 && count == reader->stream_count;
}

static bool segment_is_sound(const struct checkpoint_segment *segment, uint64_t segment_bytes,
                             uint64_t previous_number)
{
    uint64_t first = segment_first_position(segment->number, segment_bytes);
    return segment->number > previous_number && segment->number <= SEGMENT_NUMBER_MAX &&
           segment->first_id <= segment->last_id && segment->end_position >= first &&
           segment->end_position <= segment_position(segment->number + 1, segment_bytes, 0) &&
           segment->end_position % 8 == 0 &&
           (segment->last_position == 0 ||
            (segment->last_position >= first && segment->last_position < segment->end_position)) &&
           segment->index_offset % 8 == 0;
}

static bool segments_are_sound(const struct checkpoint_reader *reader)
{
    struct checkpoint_reader walk = *reader;
    struct checkpoint_segment segment;
    uint64_t previous = 0;
    while (checkpoint_next_segment(&walk, &segment)) {
        if (!segment_is_sound(&segment, reader->head.segment_bytes, previous)) {
            return false;
        }
        previous = segment.number;
    }
    return true;
}

// The three parts of a body of the right CRC.
static bool body_is_sound(struct checkpoint_reader *reader, const struct stored_head *stored,
                          struct slice body)
{
    if (stored->streams_length > body.length ||
        stored->producer_count > body.length / sizeof(struct checkpoint_producer) ||
        stored->segment_count > body.length / sizeof(struct checkpoint_segment)) {
        return false;
    }
    size_t producers = stored->producer_count * sizeof(struct checkpoint_producer);
    size_t segments = stored->segment_count * sizeof(struct checkpoint_segment);
    if (stored->streams_length + producers + segments != body.length) {
        return false;
    }
    reader->streams = slice_first(body, stored->streams_length);
    reader->producers = slice_first(slice_after(body, stored->streams_length), producers);
    reader->segments = slice_after(body, stored->streams_length + producers);
    return segment_bytes_are_valid(reader->head.segment_bytes) && streams_are_sound(reader) &&
           segments_are_sound(reader);
}

enum checkpoint_verdict checkpoint_open(struct checkpoint_reader *reader, struct slice bytes)
{
    if (bytes.length < CHECKPOINT_HEADER_BYTES || memcmp(bytes.at, magic, sizeof magic) != 0 ||
        load_le32(bytes.at + CRC_OFFSET) !=
            crc32c(0, bytes.at + CRC_START, CHECKPOINT_HEADER_BYTES - CRC_START)) {
        return CHECKPOINT_CORRUPT;
    }
    if (!log_format_is_known(load_le32(bytes.at + 12))) {
        return CHECKPOINT_UNKNOWN_VERSION;
    }
    struct stored_head stored;
    memcpy(&stored, bytes.at + HEAD_OFFSET, sizeof stored);
    struct slice body = slice_after(bytes, CHECKPOINT_HEADER_BYTES);
    *reader = (struct checkpoint_reader){
        .head = stored.head,
        .stream_count = stored.stream_count,
        .producer_count = stored.producer_count,
        .segment_count = stored.segment_count,
    };
    if (stored.body_length != body.length || stored.body_crc != crc32c(0, body.at, body.length) ||
        !body_is_sound(reader, &stored, body)) {
        return CHECKPOINT_CORRUPT;
    }
    return CHECKPOINT_VALID;
}

bool checkpoint_next_stream(struct checkpoint_reader *reader, struct checkpoint_stream *stream)
{
    return take_stream(&reader->streams, stream);
}

static bool take(struct slice *rest, void *into, size_t length)
{
    if (rest->length < length) {
        return false;
    }
    memcpy(into, rest->at, length);
    *rest = slice_after(*rest, length);
    return true;
}

bool checkpoint_next_producer(struct checkpoint_reader *reader,
                              struct checkpoint_producer *producer)
{
    return take(&reader->producers, producer, sizeof *producer);
}

bool checkpoint_next_segment(struct checkpoint_reader *reader, struct checkpoint_segment *segment)
{
    return take(&reader->segments, segment, sizeof *segment);
}
