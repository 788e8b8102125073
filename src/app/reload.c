#include "app/reload.h"

#include "app/setting_value.h"
#include "base/clock.h"
#include "base/logger.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGE_SIZE = 512 };

// --- keys ---

// Tells of keys that cannot be what was meant.
static void judge_keys(const struct options *options, const struct keyring *keyring)
{
    size_t usable = 0;
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        bool is_allowed = (options->auth_algorithms >> i & 1) != 0;
        usable += is_allowed ? keyring_count_of(keyring, (enum algorithm)i) : 0;
    }
    if (usable == 0) {
        LOG_WARN("auth", "none of the keys is for one of --auth-algorithms: no token is valid");
    }
}

// Tells what of the settings about tokens is not what was meant.
static void judge_access(const struct options *options, const struct keyring *keyring)
{
    const char *idle = options_idle_access(options);
    if (idle != NULL) {
        LOG_WARN("auth", "%s", idle);
    }
    if (keyring != NULL) {
        judge_keys(options, keyring);
    }
}

// What was read of the files that the options name.
struct reading {
    struct key_watch keys;
    struct tls_watch certificates;
    struct terms_parts parts;
};

// former: the certificates in force; NULL: there are none. False with one line in message; what was
// read so far is to be released then, too.
static bool read_files(const struct options *options, const struct tls_server *former,
                       struct reading *reading, char *message, size_t message_size)
{
    struct terms_parts *parts = &reading->parts;
    if (!key_watch_open(&reading->keys, &options->auth_keys, &parts->keyring, message,
                        message_size) ||
        !tls_watch_open(&reading->certificates, options, former, &parts->tls, message,
                        message_size) ||
        !access_file_open(options->access_log, &parts->access_file, message, message_size)) {
        return false;
    }
    if (former != NULL && parts->tls == NULL) {
        (void)snprintf(message, message_size,
                       "--tls-certificate: listeners that speak TLS need one until a restart");
        return false;
    }
    return true;
}

// The watches borrow from the options in force.
static void take_reading(struct reload *reload, struct reading *reading)
{
    terms_parts_release(&reload->parts);
    reload->parts = reading->parts;
    reading->parts = (struct terms_parts){0};
    reload->keys = reading->keys;
    reload->keys.files.paths = reload->options->auth_keys.texts;
    reload->certificates = reading->certificates;
    reload->certificates.options = reload->options;
}

bool reload_open(struct reload *reload, const struct options_source *source,
                 struct options *options, char *message, size_t message_size)
{
    struct reading reading = {0};
    *reload = (struct reload){.source = source, .options = options, .first = *options};
    bool are_read = read_files(options, NULL, &reading, message, message_size);
    take_reading(reload, &reading);
    if (!are_read) {
        return false;
    }
    judge_access(options, reload->parts.keyring);
    reload->terms = terms_of_options(options, &reload->parts, NULL, message, message_size);
    return reload->terms != NULL;
}

void reload_close(struct reload *reload)
{
    terms_release(reload->terms);
    terms_parts_release(&reload->parts);
    if (reload->is_renewed) {
        options_free(&reload->first);
    }
}

static void set_terms(struct reload *reload, struct terms *terms, const struct reload_users *users)
{
    worker_set_terms(users->worker_set, terms);
    terms_release(reload->terms);
    reload->terms = terms;
}

void reload_look(struct reload *reload, const struct reload_users *users)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct terms_parts fresh = {
        .keyring = key_watch_look(&reload->keys, now_ms),
        .tls = tls_watch_look(&reload->certificates, reload->parts.tls, now_ms),
    };
    if (fresh.keyring == NULL && fresh.tls == NULL) {
        return;
    }
    char message[MESSAGE_SIZE];
    struct terms_parts parts = reload->parts;
    parts.keyring = fresh.keyring != NULL ? fresh.keyring : parts.keyring;
    parts.tls = fresh.tls != NULL ? fresh.tls : parts.tls;
    struct terms *terms =
        terms_of_options(reload->options, &parts, reload->terms, message, sizeof(message));
    if (terms == NULL) {
        LOG_ERROR("serve", "%s; keys and certificates stay what they were", message);
        reload->keys.fingerprint = 0; // the next look reads them again
        reload->certificates.fingerprint = 0;
        terms_parts_release(&fresh);
        return;
    }
    if (fresh.keyring != NULL) {
        judge_keys(reload->options, fresh.keyring);
        keyring_release(reload->parts.keyring);
    }
    if (fresh.tls != NULL) {
        tls_server_release(reload->parts.tls);
    }
    reload->parts = parts;
    set_terms(reload, terms, users);
}

uint64_t reload_next_ms(const struct reload *reload)
{
    uint64_t keys_ms = reload->keys.next_ms;
    uint64_t certificates_ms = reload->certificates.next_ms;
    return keys_ms < certificates_ms ? keys_ms : certificates_ms;
}

// --- all settings ---

// A reload on its way: nothing of it counts before all of it is good.
struct renewal {
    struct options wanted;  // as read
    struct options options; // as they will be in force; its texts are those of `wanted`
    struct options_origins origins;
    struct reading reading;
    struct terms *terms;
    struct log_thread_terms *log_terms;
};

static void tell_faults(const struct setting_faults *faults)
{
    for (uint32_t i = 0; i < faults->count && i < SETTING_FAULTS_MAX; i++) {
        LOG_ERROR("serve", "%s", faults->list[i].text);
    }
}

// The tables of the workers have room for so many connections as were allowed at the start.
static bool takes_effect(const struct reload *reload, const struct options *wanted,
                         const struct setting *setting)
{
    bool is_too_many = setting->offset == offsetof(struct options, connections_max) &&
                       wanted->connections_max > reload->first.connections_max;
    return (setting->traits & SETTING_RELOADS) != 0 && !is_too_many;
}

// Reads the options; those that need a restart stay what they were. False: told.
static bool read_options(const struct reload *reload, struct renewal *renewal)
{
    struct options_origins *origins = &renewal->origins;
    struct setting_faults faults;
    if (options_load(reload->source, &renewal->wanted, origins, &faults) != 0) {
        tell_faults(&faults);
        return false;
    }
    renewal->options = renewal->wanted;
    for (size_t i = 0; i < settings_count(&options_table); i++) {
        const struct setting *setting = settings_at(&options_table, i);
        if (!takes_effect(reload, &renewal->wanted, setting)) {
            setting_copy(setting, &renewal->options, reload->options);
        }
    }
    options_check(&renewal->options, &faults); // with what stays, they may not agree
    options_name_faults(&renewal->wanted, origins, &faults, 0);
    tell_faults(&faults);
    return faults.count == 0;
}

// False: told.
static bool make_terms(const struct reload *reload, struct renewal *renewal)
{
    char message[MESSAGE_SIZE] = "out of memory";
    const struct options *options = &renewal->options;
    if (read_files(options, reload->parts.tls, &renewal->reading, message, sizeof(message))) {
        renewal->log_terms = malloc(sizeof(*renewal->log_terms));
        renewal->terms = terms_of_options(options, &renewal->reading.parts, reload->terms, message,
                                          sizeof(message));
    }
    if (renewal->terms == NULL || renewal->log_terms == NULL) {
        options_name_message(&renewal->wanted, &renewal->origins, message, sizeof(message));
        LOG_ERROR("serve", "%s", message);
        return false;
    }
    *renewal->log_terms = log_thread_terms_of(options);
    return true;
}

static void renewal_free(struct renewal *renewal)
{
    terms_release(renewal->terms);
    free(renewal->log_terms);
    terms_parts_release(&renewal->reading.parts);
    options_free(&renewal->wanted);
}

struct telling {
    const struct reload *reload;
    const struct options *wanted;
    unsigned changed;
    unsigned waiting; // for a restart
};

static void tell_change(void *context, const struct setting_change *change)
{
    struct telling *telling = context;
    bool is_now = takes_effect(telling->reload, telling->wanted, change->setting);
    telling->changed += is_now;
    telling->waiting += !is_now;
    LOG_INFO("serve", "--%s: %s -> %s, %s", change->setting->key, change->before, change->after,
             is_now ? "takes effect now" : "needs a restart");
}

static void tell_changes(const struct reload *reload, const struct renewal *renewal)
{
    const struct keyring *keyring = renewal->reading.parts.keyring;
    struct telling telling = {.reload = reload, .wanted = &renewal->wanted};
    settings_diff(&options_table, reload->options, &renewal->wanted, tell_change, &telling);
    LOG_INFO("serve", "settings and keys read again: %u changed, %u need a restart, %zu keys",
             telling.changed, telling.waiting,
             keyring == NULL ? (size_t)0 : keyring_count(keyring));
}

static void put_in_force(struct reload *reload, struct renewal *renewal,
                         const struct reload_users *users)
{
    if (reload->is_renewed) {
        options_free(reload->options);
    }
    *reload->options = renewal->options;
    reload->is_renewed = true;
    renewal->wanted = (struct options){0};
    take_reading(reload, &renewal->reading);
    const struct options *options = reload->options;
    logger_set_level((enum logger_level)options->log_level);
    logger_set_format((enum logger_format)options->log_format);
    memory_watch_set(users->memory, options->memory_limit_bytes,
                     options->memory_watch == OPTIONS_MEMORY_ON);
    log_thread_set_terms(users->log_thread, renewal->log_terms);
    set_terms(reload, renewal->terms, users);
    renewal->log_terms = NULL;
    renewal->terms = NULL;
}

bool reload_has_files(const struct reload *reload)
{
    return reload->options->config != NULL || reload->options->auth_keys.count > 0 ||
           reload->parts.tls != NULL || reload->parts.access_file != NULL;
}

void reload_again(struct reload *reload, const struct reload_users *users)
{
    struct renewal renewal = {0};
    if (read_options(reload, &renewal) && make_terms(reload, &renewal)) {
        judge_access(&renewal.options, renewal.reading.parts.keyring);
        tell_changes(reload, &renewal);
        put_in_force(reload, &renewal, users);
        atomic_fetch_add_explicit(&reload->board.taken, 1, memory_order_relaxed);
        atomic_store_explicit(&reload->board.taken_ms, clock_realtime_ms(), memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&reload->board.refused, 1, memory_order_relaxed);
        LOG_ERROR("serve", "nothing was changed: all settings and keys stay what they were");
    }
    renewal_free(&renewal);
}
