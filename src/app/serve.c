// The main thread: start-up in the order of what fails most often and most cheaply, then signals
// and a look at the memory and the files of keys now and then, then the end.
//
// The end, within SHUTDOWN_MS_MAX: producers are turned away, the log writes, syncs and hands out
// what it took, and then the workers send it on, say goodbye and end. A second signal ends the
// process at once, as does the time limit.
#include "app/serve.h"

#include "app/config_print.h"
#include "app/log_thread.h"
#include "app/memory_watch.h"
#include "app/notify.h"
#include "app/options_load.h"
#include "app/paths.h"
#include "app/privileges.h"
#include "app/reload.h"
#include "app/system_limits.h"
#include "app/watchdog.h"
#include "app/worker_set.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/logger.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <ringcast/version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    DRAIN_MS_MAX = 6000,   // of the log
    GOODBYE_MS_MAX = 3000, // of the workers, after that
    RETRY_MS = 10,         // an order that a full inbox did not take is given again
    WAIT_MS_MAX = 3600 * 1000,
    DIRECTORY_MODE = 0755,
    DATA_DIRECTORY_MODE = 0750,
    MESSAGE_SIZE = 512,
};
STATIC_ASSERT(DRAIN_MS_MAX + GOODBYE_MS_MAX < SHUTDOWN_MS_MAX, "the end is over in time");

enum phase {
    PHASE_RUNNING,
    PHASE_DRAINING, // the log writes what it has
    PHASE_GOODBYE,  // the workers end
    PHASE_OVER,
};

struct server {
    struct options_source source;
    struct options options;         // in force
    struct options_origins origins; // of those that it was started with
    char socket_path[PATHS_SIZE];
    int socket_fd; // that was handed in for producers; 0: none
    char data_dir[PATHS_SIZE];
    unsigned workers;
    uint64_t files_max;
    int notice_fd;
    int signal_fd;
    struct privileges privileges;
    struct notify notify;
    char status[NOTIFY_STATUS_SIZE]; // while it runs
    struct notify_sockets handed;
    struct watchdog watchdog;
    struct log_thread *log_thread;
    struct worker_set *worker_set;
    struct memory_watch memory;
    struct reload reload;
    enum phase phase;
    bool are_told;
    uint64_t phase_end_ms; // monotonic
    int exit_status;
};

static int fail(const char *message)
{
    (void)fprintf(stderr, "ringcast: %s\n", message);
    return 1;
}

// --- start ---

static bool make_parents(const char *path, char *message)
{
    int error = paths_make_parents(path, DIRECTORY_MODE);
    if (error != 0) {
        (void)snprintf(message, MESSAGE_SIZE, "cannot make the directories of %.300s: %s", path,
                       strerrordesc_np(-error));
    }
    return error == 0;
}

// Those that are missing are the user's whose broker this is to be.
static bool make_directories(const struct server *server, char *message)
{
    const struct privileges *privileges = &server->privileges;
    char directory[PATHS_SIZE];
    (void)snprintf(directory, sizeof(directory), "%s", server->socket_path);
    char *slash = strrchr(directory, '/');
    if (server->socket_fd == 0 && slash != NULL && slash != directory) {
        *slash = 0;
        if (!make_parents(directory, message) ||
            !privileges_make_directory(privileges, directory, DIRECTORY_MODE, message,
                                       MESSAGE_SIZE)) {
            return false;
        }
    }
    if (!make_parents(server->data_dir, message)) {
        return false;
    }
    return !privileges->is_wanted ||
           (privileges_make_directory(privileges, server->data_dir, DATA_DIRECTORY_MODE, message,
                                      MESSAGE_SIZE) &&
            privileges_check_owner(privileges, server->data_dir, message, MESSAGE_SIZE));
}

static bool set_paths(struct server *server, char *message)
{
    const struct options *options = &server->options;
    const char *given[] = {options->socket, options->data_dir};
    char *paths[] = {server->socket_path, server->data_dir};
    char handed_path[LISTEN_PATH_SIZE] = "";
    paths_default_socket(server->socket_path);
    paths_default_data(server->data_dir);
    for (size_t i = 0; i < 2; i++) {
        if (given[i] != NULL && snprintf(paths[i], PATHS_SIZE, "%s", given[i]) >= (int)PATHS_SIZE) {
            (void)snprintf(message, MESSAGE_SIZE, "this path is too long: %.64s...", given[i]);
            return false;
        }
    }
    server->socket_fd =
        listeners_find_producers(&server->handed, handed_path, message, MESSAGE_SIZE);
    if (server->socket_fd > 0) {
        (void)snprintf(server->socket_path, sizeof(server->socket_path), "%s", handed_path);
    }
    return server->socket_fd >= 0 && make_directories(server, message);
}

// Signals come through a descriptor, to the main thread alone.
static bool take_signals(struct server *server, char *message)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    // Under nohup a terminal's end is nothing to us.
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        (void)sigaddset(&set, SIGHUP);
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    server->notice_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->signal_fd < 0 || server->notice_fd < 0) {
        (void)snprintf(message, MESSAGE_SIZE, "cannot watch for signals: %s",
                       strerrordesc_np(errno));
        return false;
    }
    return true;
}

static bool check_limits(struct server *server, char *message)
{
    server->files_max = system_limits_raise_files();
    if (!system_limits_check_files(server->files_max, message, MESSAGE_SIZE)) {
        return false;
    }
    if (!system_limits_check_machine(server->options.connections_max, message, MESSAGE_SIZE)) {
        LOG_WARN("serve", "%s", message);
    }
    return true;
}

static bool listen_for_subscribers(struct server *server, char *message)
{
    const struct worker_set_options options = {
        .options = &server->options,
        .workers = server->workers,
        .files_max = server->files_max,
        .stop_ms_max = GOODBYE_MS_MAX,
        .notice_fd = server->notice_fd,
        .pressure = &server->memory.board,
        .handed = &server->handed,
    };
    server->worker_set = worker_set_listen(&options, message, MESSAGE_SIZE);
    return server->worker_set != NULL;
}

static void on_progress(void *context)
{
    struct server *server = context;
    notify_extend(&server->notify, clock_monotonic_ms());
}

static bool open_log(struct server *server, char *message)
{
    const struct log_thread_options options = {
        .options = &server->options,
        .socket_path = server->socket_path,
        .socket_fd = server->socket_fd,
        .data_dir = server->data_dir,
        .readers = server->workers,
        .notice_fd = server->notice_fd,
        .pressure = &server->memory.board,
        .reloads = &server->reload.board,
        .progress = on_progress,
        .progress_context = server,
    };
    server->log_thread = log_thread_create(&options, message, MESSAGE_SIZE);
    return server->log_thread != NULL;
}

static bool create_workers(struct server *server, char *message)
{
    return worker_set_create(server->worker_set, server->reload.terms,
                             log_thread_loop(server->log_thread),
                             log_thread_tail(server->log_thread), message, MESSAGE_SIZE);
}

static bool prepare(struct server *server, char *message)
{
    notify_open(&server->notify);
    if (!notify_take_sockets(&server->handed, message, MESSAGE_SIZE) ||
        !privileges_find(&server->privileges, server->options.user, message, MESSAGE_SIZE) ||
        !take_signals(server, message) || !check_limits(server, message) ||
        !set_paths(server, message) ||
        !privileges_become(&server->privileges, message, MESSAGE_SIZE)) {
        return false;
    }
    memory_watch_open(&server->memory, "", server->options.memory_limit_bytes,
                      server->options.memory_watch == OPTIONS_MEMORY_ON);
    if (!reload_open(&server->reload, &server->source, &server->options, message, MESSAGE_SIZE) ||
        !listen_for_subscribers(server, message) || !open_log(server, message) ||
        !create_workers(server, message) || !privileges_finish(message, MESSAGE_SIZE)) {
        return false;
    }
    log_thread_set_readers(server->log_thread, worker_set_loops(server->worker_set));
    return true;
}

static void watch_threads(struct server *server)
{
    watchdog_open(&server->watchdog, &server->notify, clock_monotonic_ms());
    watchdog_add(&server->watchdog, log_thread_loop(server->log_thread));
    for (unsigned i = 0; i < server->workers; i++) {
        watchdog_add(&server->watchdog, worker_set_loops(server->worker_set)[i]);
    }
}

static bool start_threads(struct server *server, char *message)
{
    watch_threads(server);
    return log_thread_start(server->log_thread, message, MESSAGE_SIZE) == 0 &&
           worker_set_start(server->worker_set, message, MESSAGE_SIZE);
}

static void tell_ready(struct server *server)
{
    char addresses[LISTENERS_TEXT_SIZE];
    worker_set_addresses(server->worker_set, addresses);
    char line[MESSAGE_SIZE + LISTENERS_TEXT_SIZE + (2 * PATHS_SIZE)];
    (void)snprintf(line, sizeof(line), "listening on %s, producers at %s, data in %s, %u worker%s",
                   addresses, server->socket_path, server->data_dir, server->workers,
                   server->workers == 1 ? "" : "s");
    (void)printf("ringcast %s %s\n", RC_VERSION_STRING, line);
    (void)fflush(stdout);
    (void)snprintf(server->status, sizeof(server->status), "%.*s", NOTIFY_STATUS_SIZE - 1, line);
    notify_ready(&server->notify, server->status);
    if (geteuid() == 0) {
        LOG_WARN("serve", "this runs as root; with --user NAME it runs as that user");
    }
}

// --- the end ---

static void enter(struct server *server, enum phase phase, uint64_t limit_ms)
{
    server->phase = phase;
    server->phase_end_ms = clock_monotonic_ms() + limit_ms;
}

static void begin_end(struct server *server)
{
    notify_stopping(&server->notify);
    log_thread_stop(server->log_thread);
    enter(server, PHASE_DRAINING, DRAIN_MS_MAX);
}

static struct reload_users users_of(struct server *server)
{
    return (struct reload_users){.worker_set = server->worker_set,
                                 .log_thread = server->log_thread,
                                 .memory = &server->memory};
}

static void reload_settings(struct server *server)
{
    const struct reload_users users = users_of(server);
    notify_reloading(&server->notify);
    reload_again(&server->reload, &users);
    notify_ready(&server->notify, server->status);
}

static void look_at_files(struct server *server)
{
    if (server->phase == PHASE_RUNNING) {
        const struct reload_users users = users_of(server);
        reload_look(&server->reload, &users);
    }
}

// All that came, before what is wanted of it: signals come by their numbers, and who sends SIGHUP
// all the time would keep SIGTERM away.
static void on_signal(struct server *server)
{
    struct signalfd_siginfo info;
    bool is_reload = false;
    while (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP && reload_has_files(&server->reload)) {
            is_reload = true;
            continue;
        }
        if (server->phase != PHASE_RUNNING) {
            LOG_WARN("serve", "a second signal: ending at once");
            _exit(1);
        }
        LOG_INFO("serve", "ending, by signal %u", info.ssi_signo);
        begin_end(server);
    }
    if (is_reload && server->phase == PHASE_RUNNING) {
        reload_settings(server);
    }
}

static void look_at_threads(struct server *server)
{
    bool has_failed =
        worker_set_has_failed(server->worker_set) || log_thread_has_failed(server->log_thread);
    if (has_failed) {
        server->exit_status = 1;
        if (server->phase == PHASE_RUNNING) {
            begin_end(server);
        }
    }
}

// Goes on to the next phase where this one is done or its time is up.
static void proceed_end(struct server *server)
{
    bool is_late = clock_monotonic_ms() >= server->phase_end_ms;
    if (server->phase == PHASE_DRAINING && (is_late || log_thread_is_drained(server->log_thread) ||
                                            log_thread_has_failed(server->log_thread))) {
        if (is_late) {
            LOG_ERROR("serve", "the log is not on disk after %d s; going on without",
                      DRAIN_MS_MAX / 1000);
            server->exit_status = 1;
        }
        enter(server, PHASE_GOODBYE, SHUTDOWN_MS_MAX - DRAIN_MS_MAX - RETRY_MS);
    }
    if (server->phase == PHASE_GOODBYE) {
        server->are_told = server->are_told || worker_set_stop(server->worker_set);
        if (worker_set_is_over(server->worker_set)) {
            server->phase = PHASE_OVER;
        } else if (clock_monotonic_ms() >= server->phase_end_ms) {
            LOG_ERROR("serve", "the workers did not end in time");
            _exit(1);
        }
    }
}

static int wait_ms(const struct server *server)
{
    bool is_running = server->phase == PHASE_RUNNING;
    if (server->phase == PHASE_GOODBYE && !server->are_told) {
        return RETRY_MS;
    }
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t until_ms = server->phase_end_ms;
    if (is_running) {
        const uint64_t looks_ms[] = {server->memory.next_ms, reload_next_ms(&server->reload),
                                     server->watchdog.next_ms};
        until_ms = UINT64_MAX;
        for (size_t i = 0; i < sizeof(looks_ms) / sizeof(looks_ms[0]); i++) {
            until_ms = looks_ms[i] < until_ms ? looks_ms[i] : until_ms;
        }
    }
    uint64_t left_ms = now_ms < until_ms ? until_ms - now_ms : 0;
    return left_ms < WAIT_MS_MAX ? (int)left_ms : WAIT_MS_MAX;
}

// A worker that sleeps would not see the new stage, and keep its caches.
static void look_at_memory(struct server *server)
{
    if (server->phase == PHASE_RUNNING &&
        memory_watch_look(&server->memory, clock_monotonic_ms())) {
        worker_set_wake(server->worker_set);
    }
}

static void run(struct server *server)
{
    while (server->phase != PHASE_OVER) {
        struct pollfd polls[] = {
            {.fd = server->signal_fd, .events = POLLIN},
            {.fd = server->notice_fd, .events = POLLIN},
        };
        (void)poll(polls, 2, wait_ms(server));
        uint64_t notices = 0;
        ssize_t got = read(server->notice_fd, &notices, sizeof(notices));
        (void)got;
        on_signal(server);
        look_at_threads(server);
        look_at_memory(server);
        look_at_files(server);
        if (server->phase == PHASE_RUNNING) {
            watchdog_look(&server->watchdog, clock_monotonic_ms());
        }
        proceed_end(server);
    }
}

// Everything in the reverse order of start. With the log not drained there may be writes under way:
// then only the process's end is safe.
static void tear_down(struct server *server)
{
    if (server->worker_set != NULL) {
        worker_set_join(server->worker_set);
    }
    if (server->log_thread != NULL) {
        log_thread_finish(server->log_thread);
    }
    worker_set_destroy(server->worker_set);
    log_thread_destroy(server->log_thread);
    reload_close(&server->reload);
}

static int serve(struct server *server)
{
    char message[MESSAGE_SIZE];
    if (!prepare(server, message)) {
        options_name_message(&server->options, &server->origins, message, sizeof(message));
        tear_down(server);
        return fail(message);
    }
    if (!start_threads(server, message)) {
        return fail(message); // some run: the process's end is theirs
    }
    tell_ready(server);
    run(server);
    if (!log_thread_is_drained(server->log_thread)) {
        return 1; // writes may be under way: the process's end alone is safe
    }
    tear_down(server);
    LOG_INFO("serve", "ended");
    return server->exit_status;
}

// Reads the settings. False: something else than serving was asked for, or they are faulty.
static bool read_settings(struct server *server, int argc, char **argv, int *exit_status)
{
    server->source = (struct options_source){.argc = argc, .argv = argv};
    struct options_origins *origins = &server->origins;
    struct setting_faults faults;
    int result = options_load(&server->source, &server->options, origins, &faults);
    if (result == SETTINGS_HELP) {
        settings_write_help(&options_table, true, stdout);
        *exit_status = 0;
    } else if (result != 0) {
        setting_faults_write(&faults, stderr);
        *exit_status = 2;
    } else if (config_is_asked_for(&server->options)) {
        *exit_status = config_answer(&server->options, origins);
        options_free(&server->options);
        return false;
    }
    if (result != 0) {
        return false;
    }
    logger_set_level((enum logger_level)server->options.log_level);
    logger_set_format((enum logger_format)server->options.log_format);
    logger_find_journal(getenv("JOURNAL_STREAM"));
    const char *idle = options_idle_websocket(origins);
    if (idle != NULL) {
        LOG_WARN("serve", "%s", idle);
    }
    return true;
}

int cli_serve(int argc, char **argv)
{
    struct server server = {.signal_fd = -1, .notice_fd = -1};
    int exit_status = 0;
    if (!read_settings(&server, argc, argv, &exit_status)) {
        return exit_status;
    }
    unsigned cores = system_limits_cores();
    cores = cores < WORKERS_MAX ? cores : WORKERS_MAX;
    server.workers = server.options.workers != 0 ? (unsigned)server.options.workers : cores;
    exit_status = serve(&server);
    options_free(&server.options);
    return exit_status;
}
