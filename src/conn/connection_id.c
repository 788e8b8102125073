#include "conn/connection_id.h"

#include "base/text.h"

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
        int digit = text_hex_value(text.at[i]);
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (unsigned)digit;
    }
    *id = value;
    return true;
}
