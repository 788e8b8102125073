// Values of settings as text, and in what two sets of them differ. Any thread.
#ifndef RINGCAST_APP_SETTING_VALUE_H
#define RINGCAST_APP_SETTING_VALUE_H

#include "app/setting.h"
#include "base/bytes.h"

enum setting_form {
    SETTING_FORM_PLAIN, // for people: 30s; "none" for text that is not set
    SETTING_FORM_TOML,  // as it stands in a file: "30s"
};

// Appends the value. Text that is not set is "" in a file; text that is not UTF-8 is told with '?'.
void setting_write_value(const struct setting *setting, const void *target, enum setting_form form,
                         struct buffer *into);

// Puts the value of `from` into its place in `into`; text stays where it is.
void setting_copy(const struct setting *setting, void *into, const void *from);

bool setting_equal(const struct setting *setting, const void *one, const void *other);

// A setting that differs. Borrowed, for the time of the call.
struct setting_change {
    const struct setting *setting;
    const char *before; // in plain form, cut where it is long; "(...)" where the machine decides
    const char *after;
    bool reloads; // takes effect without a restart
};

typedef void setting_on_change(void *context, const struct setting_change *change);

// Names each setting in which the two differ, in the order of the table.
void settings_diff(const struct setting_table *table, const void *before, const void *after,
                   setting_on_change *on_change, void *context);

#endif
