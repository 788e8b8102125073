// layer: ingest
// link: tests/fuzz/ingest_rig.c

// The line protocol from the socket to the log and back: whatever a producer sends, each line that
// is not blank is answered by one line, which is one JSON object. The first byte is the plan of
// ingest_rig.
#include "base/json.h"
#include "fuzz/ingest_rig.h"

#include <ringcast/protocol.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_lines(struct slice bytes)
{
    size_t count = 0;
    for (struct slice rest = bytes; rest.at != NULL;) {
        struct slice line = slice_split(&rest, '\n');
        while (line.length > 0 &&
               (line.at[line.length - 1] == '\r' || line.at[line.length - 1] == ' ' ||
                line.at[line.length - 1] == '\t')) {
            line.length--;
        }
        count += line.length > 0;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || data[1] == RC_PROTOCOL_FIRST_BYTE) {
        return 0;
    }
    struct slice bytes = slice_from(data + 1, size - 1);
    struct slice answers = ingest_rig_converse(data[0], bytes);
    size_t count = 0;
    while (answers.length > 0) {
        size_t end = slice_find(answers, '\n');
        ASSERT(end < answers.length && answers.at[0] == '{');
        ASSERT(json_validate(slice_first(answers, end), NULL) == JSON_OK);
        answers = slice_after(answers, end + 1);
        count++;
    }
    ASSERT(count == count_lines(bytes));
    return 0;
}
