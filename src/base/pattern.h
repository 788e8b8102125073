// Patterns of names: `*` stands for any run of bytes but `/`, `**` (or more stars) for any run at
// all, both also for none; every other byte for itself. There is no escape. A match takes time in
// proportion to pattern times text at the worst, whatever they hold. Any thread.
#ifndef RINGCAST_BASE_PATTERN_H
#define RINGCAST_BASE_PATTERN_H

#include "base/bytes.h"

#include <stdbool.h>

// As long as the longest name that it could be.
enum { PATTERN_BYTES_MAX = 255 };

// 1 to PATTERN_BYTES_MAX bytes of UTF-8 without control characters.
bool pattern_is_valid(struct slice pattern);

// Whether the pattern stands for the whole text. pattern.length <= PATTERN_BYTES_MAX.
bool pattern_matches(struct slice pattern, struct slice text);

// Whether it stands for every text: only stars, two at least.
bool pattern_is_everything(struct slice pattern);

#endif
