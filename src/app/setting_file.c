#include "app/setting_file.h"

#include "base/assert.h"
#include "base/text.h"
#include "base/toml.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_reading {
    const struct settings *settings;
    const char *path;
    struct arena *texts;
};

// --- faults ---

// "PATH:LINE:COLUMN: PLACE: ..."; without a place: "PATH:LINE:COLUMN: ...".
__attribute__((format(printf, 4, 5))) static void complain(const struct file_reading *reading,
                                                           struct toml_position at,
                                                           const char *place, const char *format,
                                                           ...)
{
    char message[SETTING_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    setting_faults_add(reading->settings->faults, at.line, at.column, "%.300s:%u:%u: %s%s%s",
                       reading->path, at.line, at.column, place, place[0] == 0 ? "" : ": ",
                       message);
}

static void on_fault(void *context, struct toml_position at, const char *message)
{
    complain(context, at, "", "%s", message);
}

static int compare_faults(const void *one, const void *other)
{
    const struct setting_fault *a = one;
    const struct setting_fault *b = other;
    uint64_t of_a = (uint64_t)a->line << 32 | a->column;
    uint64_t of_b = (uint64_t)b->line << 32 | b->column;
    return (of_a > of_b) - (of_a < of_b);
}

// --- values ---

// A value on its way into its setting.
struct taking {
    const struct file_reading *reading;
    const struct setting *setting;
    const char *place; // "streaming.sse.retry_interval"
    bool is_faulty;
};

static void refuse(struct taking *taking, struct toml_position at, const char *what)
{
    complain(taking->reading, at, taking->place, "%s", what);
    taking->is_faulty = true;
}

static bool has_choice(const struct setting *setting, const char *name)
{
    unsigned i = 0;
    while (setting->choices[i] != NULL && strcmp(setting->choices[i], name) != 0) {
        i++;
    }
    return setting->choices[i] != NULL;
}

static bool is_list(const struct setting *setting)
{
    return setting->kind == SETTING_TEXTS || setting->kind == SETTING_SET ||
           setting_has_ids(setting) || (setting->traits & SETTING_LIST) != 0;
}

static const char *needed(const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_SWITCH: return "true or false";
    case SETTING_COUNT: return "a whole number without quotes, as 1000";
    case SETTING_SIZE: return "a text with its unit, as \"64KiB\", or a number of bytes";
    case SETTING_DURATION: return "a text with its unit, as \"30s\"";
    case SETTING_DECIMAL: return "a number without quotes, as 0.8";
    case SETTING_MODE: return "a text of octal digits, as \"0660\", or 0o660";
    case SETTING_USERS:
    case SETTING_GROUPS: return "an array of numbers or names, as [1000, \"www-data\"]";
    case SETTING_TEXTS:
    case SETTING_SET: return "an array of texts, as [\"one\", \"another\"]";
    case SETTING_TEXT:
        if (is_list(setting)) {
            return "an array of texts, as [\"one\", \"another\"]";
        }
        break;
    default: break;
    }
    return "a text, in quotes";
}

static const char *needed_item(const struct setting *setting)
{
    return setting_has_ids(setting) ? "numbers or names in its array" : "texts in its array";
}

// The value as the text that a flag would have; what does not fit is cut, and then no good value of
// any kind but text. NULL: it is of the wrong type.
static const char *number_text(const struct setting *setting, const struct toml_value *value,
                               char text[SETTING_VALUE_SIZE])
{
    enum setting_kind kind = setting->kind;
    bool is_octal = slice_starts_with(value->source, slice_of("0o"));
    if (value->kind == TOML_BOOLEAN && kind == SETTING_SWITCH) {
        return value->boolean ? "true" : "false";
    }
    if (value->kind == TOML_BOOLEAN && kind == SETTING_CHOICE && has_choice(setting, "on")) {
        return value->boolean ? "on" : "off";
    }
    if (value->kind == TOML_INTEGER && (kind == SETTING_COUNT || kind == SETTING_SIZE ||
                                        kind == SETTING_DECIMAL || setting_has_ids(setting))) {
        (void)snprintf(text, SETTING_VALUE_SIZE, "%lld", (long long)value->integer);
        return text;
    }
    if (value->kind == TOML_FLOAT && kind == SETTING_DECIMAL) {
        (void)snprintf(text, SETTING_VALUE_SIZE, "%.15g", value->number);
        return text;
    }
    if (value->kind == TOML_INTEGER && kind == SETTING_MODE && is_octal) {
        (void)snprintf(text, SETTING_VALUE_SIZE, "%llo", (unsigned long long)value->integer);
        return text;
    }
    return NULL;
}

// A copy that lives as long as the target. NULL: told.
static const char *keep(struct taking *taking, struct toml_position at, struct slice text)
{
    if (text.length > 0 && memchr(text.at, 0, text.length) != NULL) {
        refuse(taking, at, "a text without U+0000 is needed");
        return NULL;
    }
    uint8_t *copy = arena_take(taking->reading->texts, text.length + 1);
    if (copy == NULL) {
        refuse(taking, at, "out of memory");
        return NULL;
    }
    if (text.length > 0) {
        memcpy(copy, text.at, text.length);
    }
    copy[text.length] = 0;
    return (const char *)copy;
}

// Takes it as the text of a flag. In the error it is named by its place in the file.
static void take_text(struct taking *taking, struct toml_position at, const char *text)
{
    char message[SETTING_MESSAGE_SIZE];
    if (setting_take(taking->setting, taking->reading->settings->target, text, taking->place,
                     message, sizeof(message)) != 0) {
        complain(taking->reading, at, "", "%s", message);
        taking->is_faulty = true;
    }
}

// One value, the setting's own or one of its array, as the text of a flag. NULL: told.
static const char *text_of(struct taking *taking, const struct toml_value *value, bool is_item,
                           char room[SETTING_VALUE_SIZE])
{
    const struct setting *setting = taking->setting;
    bool takes_text = setting->kind != SETTING_SWITCH && setting->kind != SETTING_COUNT &&
                      setting->kind != SETTING_DECIMAL;
    if (value->kind == TOML_TEXT && takes_text) {
        return keep(taking, value->at, value->text);
    }
    const char *text = number_text(setting, value, room);
    if (text == NULL) {
        complain(taking->reading, value->at, taking->place, "needs %s; found %s",
                 is_item ? needed_item(setting) : needed(setting), toml_kind_name(value->kind));
        taking->is_faulty = true;
    }
    return text;
}

// Items with commas between, as a flag has them, into texts.
static void join(struct taking *taking, const struct toml_value *array, const char *const *items,
                 size_t count)
{
    size_t length = 1;
    for (size_t i = 0; i < count; i++) {
        length += strlen(items[i]) + 1;
    }
    char *joined = (char *)arena_take(taking->reading->texts, length);
    if (joined == NULL) {
        refuse(taking, array->at, "out of memory");
        return;
    }
    char *end = joined;
    *end = 0;
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(stpcpy(end, i == 0 ? "" : ","), items[i]);
    }
    take_text(taking, array->at, joined);
}

// Each item is taken alone, so that the one at fault is told; where they are one text for a flag,
// then all of them together.
static void take_array(struct taking *taking, const struct toml_value *array)
{
    enum { ITEMS_MAX = 256 };
    bool is_joined = taking->setting->kind != SETTING_TEXTS;
    const char *items[ITEMS_MAX];
    char numbers[ITEMS_MAX][SETTING_VALUE_SIZE];
    size_t count = 0;
    for (const struct toml_value *item = array->first; item != NULL; item = item->next) {
        if (count == ITEMS_MAX) {
            refuse(taking, item->at, "too many values");
            return;
        }
        const char *text = text_of(taking, item, true, numbers[count]);
        if (text != NULL && is_joined && (strchr(text, ',') != NULL || text[0] == 0)) {
            refuse(taking, item->at, "each text is one value, without a comma");
        } else if (text != NULL) {
            take_text(taking, item->at, text);
            items[count++] = text;
        }
    }
    if (is_joined && !taking->is_faulty) {
        join(taking, array, items, count);
    }
}

static void take_value(const struct file_reading *reading, size_t index, const char *place,
                       const struct toml_value *value)
{
    const struct settings *settings = reading->settings;
    struct taking taking = {
        .reading = reading, .setting = settings_at(settings->table, index), .place = place};
    setting_begin(taking.setting, settings->target, SETTING_FROM_FILE);
    if (value->kind == TOML_ARRAY && is_list(taking.setting)) {
        take_array(&taking, value);
    } else {
        char number[SETTING_VALUE_SIZE];
        const char *text = text_of(&taking, value, false, number);
        if (text != NULL) {
            take_text(&taking, value->at, text);
        }
    }
    if (!taking.is_faulty && settings->origins != NULL) {
        settings->origins[index] = (struct setting_origin){
            .source = SETTING_FROM_FILE, .line = value->at.line, .column = value->at.column};
    }
}

// --- places ---

enum { PLACE_SIZE = 2 * SETTING_PLACE_SIZE };

// Whether a section has this name, or one below it.
static bool is_section(const struct setting_table *table, const char *place)
{
    size_t length = strlen(place);
    bool is_found = false;
    for (size_t i = 0; !is_found && table->sections[i] != NULL; i++) {
        const char *name = table->sections[i]->name;
        is_found = name != NULL && strncmp(name, place, length) == 0 &&
                   (name[length] == 0 || name[length] == '.');
    }
    return is_found;
}

// A setting that has a place in the file.
struct place {
    size_t index;
    const struct setting *setting;
    char name[SETTING_PLACE_SIZE];
};

// The first one whose index is not below `from`. False: there is none.
static bool next_place(const struct setting_table *table, struct place *place, size_t from)
{
    size_t first = 0;
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        const struct setting_section *section = table->sections[i];
        if (section->name != NULL && from < first + section->count) {
            place->index = from > first ? from : first;
            place->setting = &section->settings[place->index - first];
            setting_place_name(section, place->setting, place->name);
            return true;
        }
        first += section->count;
    }
    return false;
}

static bool find_place(const struct setting_table *table, const char *name, size_t *index)
{
    const char *point = strrchr(name, '.');
    size_t length = point == NULL ? 0 : (size_t)(point - name);
    size_t first = 0;
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        const struct setting_section *section = table->sections[i];
        bool is_here = section->name != NULL && strlen(section->name) == length &&
                       memcmp(section->name, name, length) == 0;
        for (size_t n = 0; is_here && n < section->count; n++) {
            char place[SETTING_PLACE_SIZE];
            setting_place_name(section, &section->settings[n], place);
            if (strcmp(place, name) == 0) {
                *index = first + n;
                return true;
            }
        }
        first += section->count;
    }
    return false;
}

// Whether the last part of the name is what the setting is called, in the file or as a flag.
static bool is_called(const struct place *place, struct slice part)
{
    const char *last = strrchr(place->name, '.') + 1;
    const char *key = place->setting->key;
    if (slice_equal_text(part, last) || slice_equal_text(part, key)) {
        return true;
    }
    bool is_same = part.length == strlen(key);
    for (size_t i = 0; is_same && i < part.length; i++) {
        is_same = (part.at[i] == '-' ? '_' : part.at[i]) == (key[i] == '-' ? '_' : key[i]);
    }
    return is_same;
}

// What was meant: the setting that is called so and stands elsewhere, else the name most like it.
static bool suggest(const struct setting_table *table, const char *name, struct slice part,
                    char suggestion[SETTING_PLACE_SIZE])
{
    char places[SETTINGS_MAX][SETTING_PLACE_SIZE];
    const char *names[SETTINGS_MAX];
    size_t count = 0;
    struct place place = {0};
    for (size_t i = 0; next_place(table, &place, i); i = place.index + 1) {
        if (is_called(&place, part)) {
            (void)snprintf(suggestion, SETTING_PLACE_SIZE, "%s", place.name);
            return true;
        }
        ASSERT(count < SETTINGS_MAX);
        memcpy(places[count], place.name, SETTING_PLACE_SIZE);
        names[count] = places[count];
        count++;
    }
    const char *nearest = text_nearest(slice_of(name), names, count);
    (void)snprintf(suggestion, SETTING_PLACE_SIZE, "%s", nearest == NULL ? "" : nearest);
    return nearest != NULL;
}

static void complain_of_section(const struct file_reading *reading, struct toml_position at,
                                const char *name)
{
    const struct setting_table *table = reading->settings->table;
    const char *names[SETTINGS_MAX];
    size_t count = 0;
    for (size_t i = 0; table->sections[i] != NULL && count < SETTINGS_MAX; i++) {
        if (table->sections[i]->name != NULL) {
            names[count++] = table->sections[i]->name;
        }
    }
    const char *nearest = text_nearest(slice_of(name), names, count);
    for (size_t i = 0; i < count; i++) {
        const char *last = strrchr(names[i], '.');
        nearest = last != NULL && strcmp(last + 1, name) == 0 ? names[i] : nearest;
    }
    complain(reading, at, "", "there is no section [%s]%s%s%s", name,
             nearest == NULL ? "" : "; did you mean [", nearest == NULL ? "" : nearest,
             nearest == NULL ? "" : "]?");
}

static void complain_of_unknown(const struct file_reading *reading, const char *name,
                                const struct toml_value *value)
{
    char suggestion[SETTING_PLACE_SIZE];
    if (reading->settings->faults->count >= SETTING_FAULTS_MAX) {
        complain(reading, value->key_at, name, "there is no such setting"); // only counted
        return;
    }
    bool is_alike = suggest(reading->settings->table, name, value->key, suggestion);
    if (value->kind == TOML_TABLE && !is_alike) {
        complain_of_section(reading, value->key_at, name);
    } else {
        complain(reading, value->key_at, name, "there is no such setting%s%s%s",
                 is_alike ? "; did you mean " : "", is_alike ? suggestion : "",
                 is_alike ? "?" : "");
    }
}

// "prefix.key", with '?' for what no key has, a point between quotes too: then there is no such
// place.
static void name_place(const char *prefix, struct slice key, char name[PLACE_SIZE])
{
    size_t length = key.length < SETTING_PLACE_SIZE ? key.length : SETTING_PLACE_SIZE;
    char part[SETTING_PLACE_SIZE + 1];
    if (length > 0) {
        memcpy(part, key.at, length);
    }
    utf8_make_printable((uint8_t *)part, length);
    for (size_t i = 0; i < length; i++) {
        part[i] = part[i] == '.' ? '?' : part[i];
    }
    (void)snprintf(name, PLACE_SIZE, "%s%s%.*s", prefix, prefix[0] == 0 ? "" : ".", (int)length,
                   part);
}

// Goes over a table: of the whole file with the prefix "", else a section. As deep as sections are.
static void take_table(const struct file_reading *reading, const struct toml_value *table,
                       const char *prefix)
{
    const struct setting_table *settings = reading->settings->table;
    for (const struct toml_value *value = table->first; value != NULL; value = value->next) {
        char name[PLACE_SIZE];
        size_t index = 0;
        name_place(prefix, value->key, name);
        if (find_place(settings, name, &index)) {
            take_value(reading, index, name, value);
        } else if (!is_section(settings, name)) {
            complain_of_unknown(reading, name, value);
        } else if (value->kind == TOML_TABLE) {
            take_table(reading, value, name);
        } else {
            complain(reading, value->key_at, name, "is a section, as [%s]; found %s", name,
                     toml_kind_name(value->kind));
        }
    }
}

// --- the file ---

void settings_take_toml(const struct settings *settings, const char *path, struct slice toml,
                        struct arena *texts)
{
    struct file_reading reading = {.settings = settings, .path = path, .texts = texts};
    struct setting_faults *faults = settings->faults;
    uint32_t before = faults->count;
    struct arena tree;
    arena_init(&tree, TOML_ARENA_BYTES);
    const struct toml_value *root = toml_read(toml, &tree, on_fault, &reading);
    if (root != NULL) {
        take_table(&reading, root, "");
    }
    arena_free(&tree);
    uint32_t listed = faults->count < SETTING_FAULTS_MAX ? faults->count : SETTING_FAULTS_MAX;
    if (before < listed) {
        qsort(&faults->list[before], listed - before, sizeof(faults->list[0]), compare_faults);
    }
}

// Whether it is one that can be read again, and without waiting for anybody. 0 or a negative errno.
static int check_kind(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    return S_ISREG(status.st_mode) ? 0 : S_ISDIR(status.st_mode) ? -EISDIR : -ENOTSUP;
}

// Reads up to one byte more than may be. 0 or a negative errno: -ENOTSUP where it is no file.
static int read_whole(const char *path, struct buffer *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); // no waiting for a pipe
    if (fd < 0) {
        return -errno;
    }
    int result = check_kind(fd);
    ssize_t got = 1;
    while (result == 0 && got > 0 && buffer_length(text) <= TOML_BYTES_MAX) {
        enum { PIECE_BYTES = 64 << 10 };
        uint8_t *piece = buffer_reserve(text, PIECE_BYTES);
        if (piece == NULL) {
            result = buffer_failure(text);
            break;
        }
        do {
            got = read(fd, piece, PIECE_BYTES);
        } while (got < 0 && errno == EINTR);
        result = got < 0 ? -errno : 0;
        buffer_commit(text, got > 0 ? (size_t)got : 0);
    }
    (void)close(fd);
    return result;
}

void settings_take_file(const struct settings *settings, const char *path, struct arena *texts)
{
    struct buffer text;
    buffer_init(&text, 2 * (size_t)TOML_BYTES_MAX);
    int error = read_whole(path, &text);
    if (error != 0) {
        setting_faults_add(settings->faults, 0, 0, "%.300s: cannot be read: %s", path,
                           error == -ENOTSUP ? "It is not a file" : strerrordesc_np(-error));
    } else {
        settings_take_toml(settings, path, buffer_slice(&text), texts);
    }
    buffer_free(&text);
}
