#include "base/pattern.h"

#include "base/utf8.h"

bool pattern_is_valid(struct slice pattern)
{
    return pattern.length >= 1 && pattern.length <= PATTERN_BYTES_MAX && utf8_is_valid(pattern) &&
           !utf8_has_control(pattern);
}

bool pattern_is_everything(struct slice pattern)
{
    size_t stars = 0;
    while (stars < pattern.length && pattern.at[stars] == '*') {
        stars++;
    }
    return stars == pattern.length && stars >= 2;
}

// Places of the pattern at which a match may stand after the bytes read so far: all ways at once,
// instead of one after the other.
struct places {
    bool at[PATTERN_BYTES_MAX + 1];
};

// Stars also stand for nothing: who is before them is behind them as well.
static void pass_stars(struct slice pattern, struct places *places)
{
    for (size_t i = 0; i < pattern.length; i++) {
        places->at[i + 1] |= places->at[i] && pattern.at[i] == '*';
    }
}

// Reads one byte. False where no way goes on.
static bool advance(struct slice pattern, struct places *places, uint8_t byte)
{
    struct places next = {.at = {false}};
    bool is_alive = false;
    for (size_t i = 0; i < pattern.length; i++) {
        if (!places->at[i]) {
            continue;
        }
        bool is_star = pattern.at[i] == '*';
        bool is_deep = is_star && ((i > 0 && pattern.at[i - 1] == '*') ||
                                   (i + 1 < pattern.length && pattern.at[i + 1] == '*'));
        if (is_star && (byte != '/' || is_deep)) {
            next.at[i] = true;
            is_alive = true;
        } else if (!is_star && pattern.at[i] == byte) {
            next.at[i + 1] = true;
            is_alive = true;
        }
    }
    *places = next;
    pass_stars(pattern, places);
    return is_alive;
}

static bool matches_every_way(struct slice pattern, struct slice text)
{
    struct places places = {.at = {true}};
    pass_stars(pattern, &places);
    for (size_t i = 0; i < text.length; i++) {
        if (!advance(pattern, &places, text.at[i])) {
            return false;
        }
    }
    return places.at[pattern.length];
}

bool pattern_matches(struct slice pattern, struct slice text)
{
    ASSERT(pattern.length <= PATTERN_BYTES_MAX);
    size_t literal = slice_find(pattern, '*');
    if (literal == pattern.length) {
        return slice_equal(pattern, text);
    }
    // What most patterns are: a beginning, and then anything.
    if (!slice_starts_with(text, slice_first(pattern, literal))) {
        return false;
    }
    pattern = slice_after(pattern, literal);
    text = slice_after(text, literal);
    return pattern_is_everything(pattern) || matches_every_way(pattern, text);
}
