#include "answer.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *answer = parser->data;
    for (size_t i = 0; i < length && answer->text_length < ANSWER_TEXT_MAX; i++) {
        bool is_control = (uint8_t)at[i] < ' ' || at[i] == 0x7f;
        answer->text[answer->text_length++] = is_control ? ' ' : at[i];
    }
    answer->text[answer->text_length] = 0;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct answer *answer = parser->data;
    if (parser->status_code < 200 && parser->status_code != 101) {
        return 0;
    }
    answer->status = parser->status_code;
    answer->is_last = llhttp_should_keep_alive(parser) == 0;
    answer->is_whole = true;
    return HPE_PAUSED; // what follows belongs to the next answer
}

static const llhttp_settings_t SETTINGS = {
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void answer_begin(struct answer *answer)
{
    memset(answer, 0, sizeof *answer);
    llhttp_init(&answer->parser, HTTP_RESPONSE, &SETTINGS);
    answer->parser.data = answer;
}

ssize_t answer_feed(struct answer *answer, const uint8_t *at, size_t length)
{
    ASSERT(!answer->is_whole);
    answer->has_begun |= length > 0;
    llhttp_errno_t code = llhttp_execute(&answer->parser, (const char *)at, length);
    if (answer->is_whole) {
        return llhttp_get_error_pos(&answer->parser) - (const char *)at;
    }
    return code == HPE_OK ? (ssize_t)length : -EBADMSG;
}

int answer_end(struct answer *answer)
{
    ASSERT(!answer->is_whole);
    (void)llhttp_finish(&answer->parser);
    return answer->is_whole ? 0 : -ECONNRESET;
}
