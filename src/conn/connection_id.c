#include "conn/connection_id.h"

void connection_id_write(char text[CONNECTION_ID_TEXT_BYTES], uint64_t id)
{
    for (int i = CONNECTION_ID_TEXT_BYTES - 1; i >= 0; i--) {
        text[i] = "0123456789abcdef"[id & 15];
        id >>= 4;
    }
}

bool connection_id_parse(struct slice text, uint64_t *id)
{
    if (text.length == 0 || text.length > CONNECTION_ID_TEXT_BYTES) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.at[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = c - (unsigned)'0';
        } else if (c >= 'a' && c <= 'f') {
            digit = c - (unsigned)'a' + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = c - (unsigned)'A' + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *id = value;
    return true;
}
