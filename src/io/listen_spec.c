#include "io/listen_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    QUOTED_MAX = 128, // of a spec, in an error
    MODE_DIGITS_MAX = 4,
    MODE_MAX = 0777,
};

static int fail(struct slice text, const char *what, char *error, size_t error_size)
{
    struct slice quoted = slice_first(text, text.length < QUOTED_MAX ? text.length : QUOTED_MAX);
    (void)snprintf(error, error_size, "'" SLICE_FORMAT "': %s", SLICE_ARGUMENTS(quoted), what);
    return -EINVAL;
}

static bool take_mode(struct listen_spec *spec, struct slice digits)
{
    unsigned mode = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '7') {
            return false;
        }
        mode = mode * 8 + (unsigned)(digits.at[i] - '0');
    }
    spec->mode = mode;
    return digits.length > 0 && digits.length <= MODE_DIGITS_MAX && mode <= MODE_MAX;
}

// NULL, or what is wrong.
static const char *take_option(struct listen_spec *spec, struct slice option)
{
    static const struct slice mode = SLICE_LITERAL("mode=");
    bool *flag = slice_equal_text(option, "tls")     ? &spec->has_tls
                 : slice_equal_text(option, "proxy") ? &spec->has_proxy
                                                     : NULL;
    if (flag != NULL) {
        bool is_again = *flag;
        *flag = true;
        return is_again ? "an option stands there twice" : NULL;
    }
    if (!slice_starts_with(option, mode)) {
        return "behind the address come tls, proxy and, for a Unix socket, mode=0660, with commas "
               "between";
    }
    if (!spec->is_unix) {
        return "only a Unix socket has a mode";
    }
    return take_mode(spec, slice_after(option, mode.length))
               ? NULL
               : "a mode is three or four octal digits up to 0777, as 0660";
}

static const char *take_place(struct listen_spec *spec, struct slice place)
{
    static const struct slice prefix = SLICE_LITERAL("unix:");
    spec->is_unix = slice_starts_with(place, prefix);
    place = spec->is_unix ? slice_after(place, prefix.length) : place;
    if (spec->is_unix && (place.length == 0 || place.length >= LISTEN_PATH_SIZE)) {
        return "the path of a Unix socket has 1 to 107 bytes";
    }
    bool fits = place.length < sizeof(spec->place) && slice_find(place, 0) == place.length;
    if (fits) {
        memcpy(spec->place, place.at, place.length);
        spec->place[place.length] = 0;
    }
    if (!fits || (!spec->is_unix && !listen_address_is_well_formed(spec->place))) {
        return "this is no address to listen on: write HOST:PORT, as 127.0.0.1:8080, [::1]:8080 "
               "or *:8080, or unix:PATH";
    }
    return NULL;
}

int listen_spec_parse(struct listen_spec *spec, struct slice text, char *error, size_t error_size)
{
    *spec = (struct listen_spec){.mode = LISTEN_MODE_DEFAULT};
    struct slice rest = text;
    const char *what = take_place(spec, slice_split(&rest, ','));
    while (what == NULL && rest.at != NULL) {
        what = take_option(spec, slice_split(&rest, ','));
    }
    return what == NULL ? 0 : fail(text, what, error, error_size);
}
