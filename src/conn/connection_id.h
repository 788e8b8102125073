// Connection ids as people and clients see them: 16 lower-case hexadecimal digits. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { CONNECTION_ID_TEXT_BYTES = 16 };

void connection_id_write(char text[CONNECTION_ID_TEXT_BYTES], uint64_t id);
// False for anything but 1 to 16 hexadecimal digits.
bool connection_id_parse(struct slice text, uint64_t *id);
