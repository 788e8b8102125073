#include "http/cookie.h"

static struct slice unquoted(struct slice value)
{
    bool is_quoted = value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"';
    return is_quoted ? slice_from(value.at + 1, value.length - 2) : value;
}

enum cookie_found cookie_find(struct slice field, struct slice name, struct slice *value)
{
    enum cookie_found found = COOKIE_NONE;
    while (field.at != NULL) {
        struct slice pair = slice_trim(slice_split(&field, ';'));
        size_t equals = slice_find(pair, '=');
        if (equals == pair.length || !slice_equal(slice_trim(slice_first(pair, equals)), name)) {
            continue;
        }
        struct slice one = unquoted(slice_trim(slice_after(pair, equals + 1)));
        if (found == COOKIE_NONE) {
            *value = one;
            found = COOKIE_ONE;
        } else if (!slice_equal(*value, one)) {
            found = COOKIE_SEVERAL;
        }
    }
    return found;
}
