// layer: base
// Lines of the logger: any texts in any room are one whole line in each format, and what JSON says
// is what was put in, as far as it goes. The first bytes are the room; each text ends with 0xfe.
#include "base/json.h"
#include "base/logger_line.h"
#include "base/utf8.h"

enum { ROOM_MAX = 1024, ROOM_BYTES = 2, ROOM_MIN = 3, END = 0xfe };

// key=value key="value": quotes closed, nothing but escapes in them, no space but between members.
static void check_pairs(struct slice line)
{
    bool is_quoted = false;
    for (size_t i = 0; i < line.length; i++) {
        if (is_quoted && line.at[i] == '\\') {
            i++;
        } else if (line.at[i] == '"') {
            is_quoted = !is_quoted;
            ASSERT(is_quoted ? line.at[i - 1] == '='
                             : i + 1 == line.length || line.at[i + 1] == ' ');
        } else if (line.at[i] == ' ' && !is_quoted) {
            ASSERT(i + 2 < line.length && line.at[i + 1] == 'k' && line.at[i + 2] == '=');
        }
    }
    ASSERT(!is_quoted);
}

static void check(enum logger_format format, struct slice texts, size_t room)
{
    char memory[ROOM_MAX];
    struct logger_line line;
    logger_line_begin(&line, format, memory, room);
    logger_line_open(&line);
    while (texts.at != NULL) {
        struct slice text = slice_split(&texts, END);
        logger_line_text(&line, "k", text, room / 2);
        logger_line_u64(&line, "k", text.length);
    }
    struct slice whole = logger_line_end(&line);
    ASSERT(whole.length <= room && whole.at[whole.length - 1] == '\n');
    struct slice content = slice_first(whole, whole.length - 1);
    ASSERT(utf8_is_valid(content) && !utf8_has_control(content));
    if (format == LOGGER_JSON) {
        ASSERT(json_validate(content, NULL) == JSON_OK);
    } else {
        check_pairs(content);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < ROOM_BYTES) {
        return 0;
    }
    size_t room = ROOM_MIN + load_le16(data) % (ROOM_MAX - ROOM_MIN + 1);
    for (enum logger_format format = LOGGER_TEXT; format <= LOGGER_JSON; format++) {
        check(format, slice_from(data + ROOM_BYTES, size - ROOM_BYTES), room);
    }
    return 0;
}
