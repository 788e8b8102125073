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
// instead of one after the other. All that count are from `first` to `last`; behind these all are
// false.
struct places {
    size_t first;
    size_t last;
    bool at[PATTERN_BYTES_MAX + 1];
};

// Whether the star there is one of several side by side, which also pass over '/'.
static bool is_deep(struct slice pattern, size_t at)
{
    return (at > 0 && pattern.at[at - 1] == '*') ||
           (at + 1 < pattern.length && pattern.at[at + 1] == '*');
}

// Stars also stand for nothing: who is before them is behind them as well. Once several side by
// side are reached, what is before them brings nothing new: whatever comes, that place stays.
static void pass_stars(struct slice pattern, struct places *places)
{
    for (size_t i = places->first; i <= places->last && i < pattern.length; i++) {
        if (!places->at[i] || pattern.at[i] != '*') {
            continue;
        }
        places->at[i + 1] = true;
        places->last = places->last > i ? places->last : i + 1;
        places->first = is_deep(pattern, i) ? i : places->first;
    }
}

// Reads one byte. False where no way goes on.
static bool advance(struct slice pattern, struct places *places, uint8_t byte)
{
    size_t end = places->last + 1;
    places->last += places->last < pattern.length;
    for (size_t i = end; i-- > places->first;) { // in place: from the last one
        bool is_here = places->at[i] && i < pattern.length;
        bool is_star = is_here && pattern.at[i] == '*';
        places->at[i] = is_star && (byte != '/' || is_deep(pattern, i));
        if (is_here && !is_star && pattern.at[i] == byte) {
            places->at[i + 1] = true;
        }
    }
    while (places->first <= places->last && !places->at[places->first]) {
        places->first++;
    }
    if (places->first > places->last) {
        return false;
    }
    while (!places->at[places->last]) {
        places->last--;
    }
    pass_stars(pattern, places);
    return true;
}

static bool matches_every_way(struct slice pattern, struct slice text)
{
    struct places places;
    memset(places.at, 0, pattern.length + 1);
    places.first = 0;
    places.last = 0;
    places.at[0] = true;
    pass_stars(pattern, &places);
    for (size_t i = 0; i < text.length; i++) {
        if (!advance(pattern, &places, text.at[i])) {
            return false;
        }
    }
    return places.last == pattern.length && places.at[pattern.length];
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
