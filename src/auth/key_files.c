#include "auth/key_files.h"

#include "auth/key_jwk.h"
#include "base/file_error.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct loading {
    const struct key_files *files;
    struct keyring *keyring;
    const char *path; // of the file at hand
    bool has_secret;  // it holds what nobody else may read
    char *message;
};

static bool fail(struct loading *loading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct loading *loading, const char *format, ...)
{
    char text[KEY_FILES_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)snprintf(loading->message, KEY_FILES_MESSAGE_SIZE, "%.250s: %.250s", loading->path, text);
    return false;
}

static void note(void *context, const char *line)
{
    const struct loading *loading = context;
    char text[KEY_FILES_MESSAGE_SIZE];
    if (loading->files->note != NULL) {
        (void)snprintf(text, sizeof(text), "%.250s: %.250s", loading->path, line);
        loading->files->note(loading->files->context, text);
    }
}

// ---- what is in a file -------------------------------------------------------------------------

static const char *ending_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *point = strrchr(name, '.');
    return point == NULL || point == name ? name + strlen(name) : point;
}

// The file's name without its ending.
static struct slice stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return slice_from(name, (size_t)(ending_of(path) - name));
}

static bool holds(struct slice text, const char *wanted)
{
    return text.length > 0 && memmem(text.at, text.length, wanted, strlen(wanted)) != NULL;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < ' ' || text.at[i] > '~') {
            return false;
        }
    }
    return true;
}

// As editors and `openssl rand -hex` leave it. Random bytes may end in one as well: those stay.
static struct slice without_line_end(struct slice text)
{
    struct slice line = text;
    if (line.length > 0 && line.at[line.length - 1] == '\n') {
        line = slice_first(line, line.length - 1);
    }
    if (line.length > 0 && line.at[line.length - 1] == '\r') {
        line = slice_first(line, line.length - 1);
    }
    return is_printable(line) ? line : text;
}

static struct slice default_id(const struct loading *loading)
{
    const char *id = loading->files->id;
    return id == NULL ? stem_of(loading->path) : slice_of(id);
}

static bool add_one(struct loading *loading, struct key *key, const char *reason)
{
    if (key == NULL) {
        return fail(loading, "%s", reason);
    }
    (void)key_set_id(key, default_id(loading));
    return keyring_add(loading->keyring, key) ||
           fail(loading, "there are more than %d keys", KEYRING_KEYS_MAX);
}

static bool take_pem(struct loading *loading, struct slice text)
{
    char reason[KEY_REASON_SIZE];
    struct key *key = key_from_pem(text, reason);
    loading->has_secret = key != NULL && key->can_sign;
    if (loading->has_secret && !loading->files->wants_private) {
        note(loading,
             "a private key, of which only the public part is needed: openssl pkey -pubout");
    }
    return add_one(loading, key, reason);
}

static bool take_secret(struct loading *loading, struct slice text)
{
    char reason[KEY_REASON_SIZE];
    loading->has_secret = true;
    return add_one(loading, key_from_secret(without_line_end(text), reason), reason);
}

static bool take_json(struct loading *loading, struct slice text)
{
    struct key_jwk_reader reader = {.keyring = loading->keyring,
                                    .default_id = default_id(loading),
                                    .wants_private = loading->files->wants_private,
                                    .note = note,
                                    .context = loading};
    size_t before = keyring_count(loading->keyring);
    if (!key_jwk_read(&reader, text)) {
        return fail(loading, "%s", reader.reason);
    }
    loading->has_secret = reader.has_secret;
    return keyring_count(loading->keyring) > before ||
           fail(loading, "no key for HS256, RS256, ES256 or EdDSA%s%s",
                reader.reason[0] == 0 ? "" : "; ", reader.reason);
}

static bool take_text(struct loading *loading, struct slice text)
{
    bool is_key = strcmp(ending_of(loading->path), ".key") == 0;
    if (holds(text, "-----BEGIN ")) {
        return take_pem(loading, text);
    }
    if (is_key) {
        return take_secret(loading, text);
    }
    struct slice json = text;
    while (json.length > 0 && strchr(" \t\r\n", json.at[0]) != NULL) {
        json = slice_after(json, 1);
    }
    if (json.length > 0 && json.at[0] == '{') {
        return take_json(loading, text);
    }
    return fail(loading, "neither a JSON Web Key (set) nor PEM; a raw secret must be in a file "
                         "named *.key");
}

// ---- files and directories ---------------------------------------------------------------------

// The number of bytes read, or -errno.
static ssize_t read_all(int fd, uint8_t *into, size_t capacity)
{
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(fd, into + length, capacity - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : (ssize_t)length;
        }
        length += (size_t)got;
    }
    return (ssize_t)length;
}

static bool take_open_file(struct loading *loading, int fd, const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) {
        return fail(loading, "not a file or directory");
    }
    if (status->st_size > KEY_FILE_BYTES_MAX) {
        return fail(loading, "more than %d bytes", KEY_FILE_BYTES_MAX);
    }
    size_t capacity = (size_t)status->st_size;
    uint8_t *bytes = malloc(capacity + 1);
    if (bytes == NULL) {
        return fail(loading, "out of memory");
    }
    ssize_t length = read_all(fd, bytes, capacity);
    bool is_taken = false;
    loading->has_secret = false;
    if (length < 0) {
        fail(loading, "%s", strerrordesc_np((int)-length));
    } else {
        is_taken = take_text(loading, slice_from(bytes, (size_t)length));
    }
    OPENSSL_cleanse(bytes, capacity);
    free(bytes);
    if (is_taken && loading->has_secret && (status->st_mode & S_IROTH) != 0) {
        note(loading, "everybody on this machine can read this secret: chmod o-r");
    }
    return is_taken;
}

static bool take_file(struct loading *loading, const char *path)
{
    struct stat status;
    loading->path = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // no waiting for a pipe
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        char why[FILE_ERROR_SIZE];
        return fail(loading, "%s", file_error(error, why));
    }
    bool is_taken = take_open_file(loading, fd, &status);
    (void)close(fd);
    return is_taken;
}

static int is_key_file(const struct dirent *entry)
{
    static const char *const endings[] = {".json", ".jwk", ".pem", ".key"};
    const char *ending = ending_of(entry->d_name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (strcmp(ending, endings[i]) == 0 && entry->d_name[0] != '.') {
            return 1;
        }
    }
    return 0;
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

// Calls `visit` for each key file of a directory, by name, until it returns false. Returns the
// number of files, or -errno.
static int each_in(const char *directory, bool (*visit)(void *context, const char *path),
                   void *context)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_key_file, by_name);
    if (count < 0) {
        return -errno;
    }
    bool goes_on = count <= KEY_FILES_MAX;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        goes_on = goes_on && length < (int)sizeof(path) && visit(context, path);
        free(entries[i]);
    }
    free(entries);
    return count;
}

static bool visit_file(void *context, const char *path)
{
    return take_file(context, path);
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool take_path(struct loading *loading, const char *path)
{
    if (!is_directory(path)) {
        return take_file(loading, path);
    }
    loading->message[0] = 0;
    int count = each_in(path, visit_file, loading);
    if (loading->message[0] != 0) {
        return false;
    }
    loading->path = path;
    if (count < 0) {
        char why[FILE_ERROR_SIZE];
        return fail(loading, "%s", file_error(-count, why));
    }
    if (count == 0) {
        return fail(loading, "no *.json, *.jwk, *.pem or *.key file in this directory");
    }
    return count <= KEY_FILES_MAX || fail(loading, "more than %d files", KEY_FILES_MAX);
}

struct keyring *key_files_load(const struct key_files *files, char *message)
{
    struct loading loading = {.files = files, .path = "", .message = message};
    loading.keyring = keyring_create();
    if (loading.keyring == NULL) {
        (void)snprintf(message, KEY_FILES_MESSAGE_SIZE, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (!take_path(&loading, files->paths[i])) {
            keyring_release(loading.keyring);
            return NULL;
        }
    }
    return loading.keyring;
}

// ---- changes -----------------------------------------------------------------------------------

static bool add_to_fingerprint(void *context, const char *path)
{
    uint64_t *fingerprint = context;
    struct stat status;
    uint64_t facts[6] = {0};
    if (stat(path, &status) == 0) {
        facts[0] = status.st_ino;
        facts[1] = (uint64_t)status.st_size;
        facts[2] = (uint64_t)status.st_mtim.tv_sec;
        facts[3] = (uint64_t)status.st_mtim.tv_nsec;
        facts[4] = (uint64_t)status.st_ctim.tv_nsec;
        facts[5] = status.st_mode;
    }
    *fingerprint = hash_bytes(*fingerprint, path, strlen(path));
    *fingerprint = hash_bytes(*fingerprint, facts, sizeof(facts));
    return true;
}

uint64_t key_files_fingerprint(const struct key_files *files)
{
    uint64_t fingerprint = 0;
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->paths[i];
        if (is_directory(path)) {
            int count = each_in(path, add_to_fingerprint, &fingerprint);
            fingerprint = hash_u64(fingerprint, (uint64_t)count);
        } else {
            (void)add_to_fingerprint(&fingerprint, path);
        }
    }
    return fingerprint;
}
