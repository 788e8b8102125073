#include "app/tls_watch.h"

#include "app/listeners.h"
#include "auth/key_files.h"
#include "base/clock.h"
#include "base/logger.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_MS = 1000 };
STATIC_ASSERT((int)SETTING_TEXTS_MAX <= (int)TLS_PAIRS_MAX,
              "a server takes as many pairs as can be set");

static void note(void *context, const char *line)
{
    (void)context;
    LOG_WARN("tls", "%s", line);
}

static uint64_t fingerprint_of(const struct options *options)
{
    const struct setting_texts *texts[] = {&options->tls_certificates, &options->tls_keys};
    uint64_t fingerprint = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct key_files files = {.paths = texts[i]->texts, .count = texts[i]->count};
        fingerprint = fingerprint * 31 + key_files_fingerprint(&files);
    }
    return fingerprint;
}

// What changes while the files are read is seen at the next look: the fingerprint is older.
static struct tls_server *load(struct tls_watch *watch, const struct tls_server *former,
                               char message[TLS_MESSAGE_SIZE])
{
    const struct options *options = watch->options;
    const struct tls_server_options wanted = {
        .certificates = options->tls_certificates.texts,
        .keys = options->tls_keys.texts,
        .count = options->tls_certificates.count,
        .only_tls13 = options->tls_min_version == OPTIONS_TLS_1_3,
        .has_tickets = options->tls_tickets == OPTIONS_TLS_TICKETS_ON,
        .notes = {.note = note},
    };
    watch->fingerprint = fingerprint_of(options);
    return tls_server_create(&wanted, former, clock_monotonic_ms(), message);
}

// Whether a fault, which begins with the file's path, is one of a key's.
static bool is_of_key(const struct options *options, const char *fault)
{
    bool is_found = false;
    for (uint32_t i = 0; !is_found && i < options->tls_keys.count; i++) {
        size_t length = strlen(options->tls_keys.texts[i]);
        is_found = strncmp(fault, options->tls_keys.texts[i], length) == 0 &&
                   strcmp(options->tls_keys.texts[i], options->tls_certificates.texts[i]) != 0 &&
                   fault[length] == ':';
    }
    return is_found;
}

bool tls_watch_open(struct tls_watch *watch, const struct options *options,
                    const struct tls_server *former, struct tls_server **server, char *message,
                    size_t message_size)
{
    char fault[TLS_MESSAGE_SIZE];
    *watch = (struct tls_watch){.options = options, .next_ms = UINT64_MAX};
    *server = NULL;
    if (options->tls_certificates.count == 0) {
        return true;
    }
    watch->next_ms = clock_monotonic_ms() + LOOK_MS;
    *server = load(watch, former, fault);
    if (*server == NULL) {
        (void)snprintf(message, message_size, "%s: %s",
                       is_of_key(options, fault) ? "--tls-key" : "--tls-certificate", fault);
    }
    return *server != NULL;
}

struct tls_server *tls_watch_look(struct tls_watch *watch, const struct tls_server *current,
                                  uint64_t now_ms)
{
    if (current == NULL || now_ms < watch->next_ms) {
        return NULL;
    }
    watch->next_ms = now_ms + LOOK_MS;
    if (fingerprint_of(watch->options) == watch->fingerprint) {
        return tls_server_rotate(current, now_ms);
    }
    char fault[TLS_MESSAGE_SIZE];
    struct tls_server *server = load(watch, current, fault);
    if (server == NULL) {
        LOG_ERROR("tls", "%s; the certificates stay what they were", fault);
    } else {
        LOG_INFO("tls", "certificates read again: %u of them",
                 watch->options->tls_certificates.count);
    }
    return server;
}
