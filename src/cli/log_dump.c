#include "base/base64.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "cli/log_tool.h"
#include "cli/terminal.h"
#include "event/frame.h"
#include "log/recovery.h"

#include <stdlib.h>

enum { DUMP_LINE_BYTES_MAX = 16 << 20 }; // of one event, escaped

struct dump {
    const struct log_dump_options *options;
    struct recovery recovery;
    FILE *out;
    bool has_colour;
    uint64_t printed;
    uint64_t faults;
    struct buffer line;
    struct buffer payload;
};

static void on_fault(void *context, const struct recovery_fault *fault)
{
    struct dump *dump = context;
    if (fault->kind != RECOVERY_TORN) {
        dump->faults++;
        (void)fprintf(stderr, "ringcast: %s+%llu: %s\n", fault->file,
                      (unsigned long long)fault->offset, fault->text);
    }
}

// The payload as the publisher gave it, in dump->payload or the block.
static struct slice payload_of(struct dump *dump, const uint8_t *block,
                               const struct block_record *record)
{
    if (record->form != FRAME_FORM_TEXT) {
        return slice_from(block + record->extra_offset + record->extra_length,
                          record->payload_length);
    }
    buffer_clear(&dump->payload);
    (void)frame_data_append(&dump->payload,
                            slice_from(block + record->frame_offset, record->frame_length));
    return buffer_slice(&dump->payload);
}

static struct slice attribute_of(struct slice list, uint8_t kind)
{
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&list, &attribute, &malformed)) {
        if (attribute.kind == kind) {
            return attribute.value;
        }
    }
    return slice_empty();
}

// What a control record says; of an end the life that it leads to.
static const char *control_name(const uint8_t *block, const struct block_record *record)
{
    enum stream_life life;
    switch (record->kind) {
    case RECORD_SETTINGS: return "settings";
    case RECORD_DISCARD: return "discard";
    default: break;
    }
    return life_decode(slice_from(block + record->extra_offset, record->extra_length), &life)
               ? stream_life_name(life)
               : "end";
}

static void write_attributes(struct json_writer *writer, struct slice list)
{
    struct attribute attribute;
    bool malformed;
    bool has_tags = false;
    struct slice rest = list;
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        if (attribute.kind == ATTRIBUTE_TAG) {
            if (!has_tags) {
                json_write_key(writer, "tags");
                json_write_array_open(writer);
                has_tags = true;
            }
            json_write_string(writer, attribute.value);
        }
    }
    if (has_tags) {
        json_write_array_close(writer);
    }
    static const struct {
        uint8_t kind;
        const char *key;
    } singles[] = {{ATTRIBUTE_SOURCE, "source"},
                   {ATTRIBUTE_CORRELATION, "correlation_id"},
                   {ATTRIBUTE_CONTENT_TYPE, "content_type"}};
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
        struct slice value = attribute_of(list, singles[i].kind);
        if (value.length > 0) {
            json_write_key(writer, singles[i].key);
            json_write_string(writer, value);
        }
    }
}

static void write_base64(struct json_writer *writer, struct slice bytes)
{
    size_t length = base64_encoded_length(bytes.length, BASE64_STANDARD);
    char *text = malloc(length + 1);
    if (text == NULL) {
        json_write_null(writer);
        return;
    }
    json_write_string(writer, slice_from(text, base64_encode(text, bytes, BASE64_STANDARD)));
    free(text);
}

static void print_json(struct dump *dump, uint64_t position, const uint8_t *block,
                       const struct block_record *record, struct slice name)
{
    struct slice attributes = slice_from(block + record->extra_offset, record->extra_length);
    char time[TEXT_RFC3339_BYTES];
    (void)text_format_rfc3339(record->time_ms, time);
    buffer_clear(&dump->line);
    struct json_writer writer = json_writer_on(&dump->line);
    json_write_object_open(&writer);
    json_write_key(&writer, "position");
    json_write_u64(&writer, position);
    json_write_key(&writer, "id");
    json_write_u64(&writer, record->id);
    json_write_key(&writer, "stream");
    json_write_string(&writer, name);
    json_write_key(&writer, "sequence");
    json_write_u64(&writer, record->sequence);
    json_write_key(&writer, "time");
    json_write_text(&writer, time);
    if (record->kind != RECORD_EVENT) {
        json_write_key(&writer, "control");
        json_write_text(&writer, control_name(block, record));
    } else {
        json_write_key(&writer, "type");
        json_write_string(&writer, attribute_of(attributes, ATTRIBUTE_TYPE));
        json_write_key(&writer, "priority");
        json_write_text(&writer, event_priority_name((enum event_priority)record->priority));
        if (record->ttl_ms != 0) {
            json_write_key(&writer, "ttl_ms");
            json_write_u64(&writer, record->ttl_ms);
        }
        write_attributes(&writer, attributes);
        bool is_binary = record->form == FRAME_FORM_BINARY;
        struct slice payload = payload_of(dump, block, record);
        json_write_key(&writer, is_binary ? "data_base64" : "data");
        if (is_binary) {
            write_base64(&writer, payload);
        } else {
            json_write_string(&writer, payload);
        }
    }
    json_write_object_close(&writer);
    (void)buffer_append_byte(&dump->line, '\n');
    struct slice line = buffer_slice(&dump->line);
    (void)fwrite(line.at, 1, line.length, dump->out);
}

// position id time stream:sequence type data, the data's further lines indented.
static void print_line(struct dump *dump, uint64_t position, const uint8_t *block,
                       const struct block_record *record, struct slice name)
{
    struct slice attributes = slice_from(block + record->extra_offset, record->extra_length);
    char time[TEXT_RFC3339_BYTES];
    char id[TEXT_U64_BYTES_MAX];
    (void)text_format_rfc3339(record->time_ms, time);
    (void)fprintf(dump->out, "%llu ", (unsigned long long)position);
    terminal_write_styled(dump->out, dump->has_colour, STYLE_BOLD,
                          slice_from(id, text_format_u64(record->id, id)));
    (void)fprintf(dump->out, " %s ", time);
    terminal_write_text(dump->out, name);
    (void)fprintf(dump->out, ":%llu ", (unsigned long long)record->sequence);
    if (record->kind != RECORD_EVENT) {
        (void)fprintf(dump->out, "(%s)\n", control_name(block, record));
        return;
    }
    struct slice type = attribute_of(attributes, ATTRIBUTE_TYPE);
    terminal_write_text(dump->out, type.length > 0 ? type : slice_of("-"));
    if (record->form == FRAME_FORM_BINARY) {
        (void)fprintf(dump->out, " (%u bytes of binary data)\n", record->payload_length);
        return;
    }
    struct slice rest = payload_of(dump, block, record);
    const char *separator = " ";
    do {
        struct slice line = slice_split(&rest, '\n');
        (void)fputs(separator, dump->out);
        terminal_write_text(dump->out, line);
        (void)fputc('\n', dump->out);
        separator = "    ";
    } while (rest.at != NULL);
}

static void on_block(void *context, const struct recovery_segment *segment, uint64_t position,
                     const uint8_t *block)
{
    (void)segment;
    struct dump *dump = context;
    const struct log_dump_options *options = dump->options;
    const struct block_header *header = block_header_of(block);
    for (uint32_t i = 0; i < header->record_count && !dump->recovery.stop; i++) {
        const struct block_record *record = &block_records(block)[i];
        struct slice name = block_stream_name(block, &block_streams(block)[record->stream]);
        if (record->id < options->from ||
            (record->kind != RECORD_EVENT && !options->with_control) ||
            (options->stream != NULL && !slice_equal_text(name, options->stream))) {
            continue;
        }
        if (options->is_json) {
            print_json(dump, position, block, record, name);
        } else {
            print_line(dump, position, block, record, name);
        }
        dump->printed++;
        dump->recovery.stop =
            (options->limit != 0 && dump->printed >= options->limit) || ferror(dump->out) != 0;
    }
}

int log_dump(struct disk *disk, const struct log_dump_options *options, FILE *out)
{
    struct dump dump = {.options = options, .out = out, .has_colour = terminal_has_colour(out)};
    char message[LOG_TOOL_MESSAGE_SIZE];
    buffer_init(&dump.line, DUMP_LINE_BYTES_MAX);
    buffer_init(&dump.payload, DUMP_LINE_BYTES_MAX);
    const struct recovery_visitor visitor = {
        .context = &dump, .block = on_block, .fault = on_fault};
    int failed = recovery_begin(&dump.recovery, disk, SEGMENT_BYTES_MIN,
                                RECOVERY_WITHOUT_CHECKPOINT | RECOVERY_SKIP_UNREADABLE, &visitor,
                                message, sizeof(message));
    if (failed == 0) {
        failed = recovery_scan(&dump.recovery, message, sizeof(message));
        recovery_end(&dump.recovery);
    }
    buffer_free(&dump.line);
    buffer_free(&dump.payload);
    if (failed < 0) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
    }
    return failed < 0 || dump.faults > 0 || ferror(out) != 0 ? 1 : 0;
}
