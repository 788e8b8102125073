#include "app/key_watch.h"

#include "base/clock.h"
#include "base/logger.h"

enum { LOOK_MS = 1000 };

static void note(void *context, const char *line)
{
    (void)context;
    LOG_WARN("auth", "%s", line);
}

// What changes while the files are read is seen at the next look: the fingerprint is older.
static struct keyring *load(struct key_watch *watch, char *message)
{
    watch->fingerprint = key_files_fingerprint(&watch->files);
    return key_files_load(&watch->files, message);
}

bool key_watch_open(struct key_watch *watch, const struct setting_texts *paths,
                    struct keyring **keyring, char *message, size_t message_size)
{
    char fault[KEY_FILES_MESSAGE_SIZE];
    *watch = (struct key_watch){
        .files = {.paths = paths->texts, .count = paths->count, .note = note},
        .next_ms = UINT64_MAX,
    };
    *keyring = NULL;
    if (paths->count == 0) {
        return true;
    }
    watch->next_ms = clock_monotonic_ms() + LOOK_MS;
    *keyring = load(watch, fault);
    if (*keyring == NULL) {
        (void)snprintf(message, message_size, "--auth-keys: %.400s", fault);
    }
    return *keyring != NULL;
}

struct keyring *key_watch_look(struct key_watch *watch, uint64_t now_ms)
{
    if (watch->files.count == 0 || now_ms < watch->next_ms) {
        return NULL;
    }
    watch->next_ms = now_ms + LOOK_MS;
    if (key_files_fingerprint(&watch->files) == watch->fingerprint) {
        return NULL;
    }
    char fault[KEY_FILES_MESSAGE_SIZE];
    struct keyring *keyring = load(watch, fault);
    if (keyring == NULL) {
        LOG_ERROR("auth", "%s; the keys stay what they were", fault);
    } else {
        LOG_INFO("auth", "keys for tokens read again: %zu of them", keyring_count(keyring));
    }
    return keyring;
}
