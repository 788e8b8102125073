// The ingest module on a real loop and a real Unix socket, with a fake log and fake workers, all on
// the test's thread: the test writes to its clients, runs rounds, and reads what came.
#ifndef TESTS_UNIT_INGEST_RIG_H
#define TESTS_UNIT_INGEST_RIG_H

#include "conn/task.h"
#include "io/loop.h"
#include "unit/ingest/fake_log.h"
#include "unit/ingest/frames.h"

enum { RIG_CLIENTS_MAX = 64, RIG_WORKERS = 2 };

struct rig_client {
    int fd;
    struct buffer in; // what it has received
    bool is_closed;   // the broker closed the connection
    uint64_t credit;  // told last; 0: never
};

struct rig {
    struct loop loop;
    struct ingest *ingest;
    char directory[64];
    char path[100];
    struct rig_client clients[RIG_CLIENTS_MAX];
    int client_count;
    // The fake workers: what they were asked, and whether they answer at once.
    struct log_message asked[256];
    int asked_count;
    int answered_count;
    // Chains of tasks that came back, and to whom.
    struct task *chains[256];
    unsigned chain_workers[256];
    int chain_count;
    bool workers_hold;
    bool inboxes_full;
    uint64_t reached[RIG_WORKERS];
    enum rc_error errors[RIG_WORKERS];
    const char *json[RIG_WORKERS];
};

extern struct rig rig;

// options->socket_path and workers are filled in.
void rig_begin(struct ingest_options options);
void rig_end(void);
// The same, but what the log was given can still be looked at, until fake_log_end.
void rig_close(void);

void rig_round(void);
// Rounds until nothing moves any more, and the clients' sockets are read.
void rig_settle(void);
// Rounds for about so long.
void rig_pass(unsigned milliseconds);

struct rig_client *rig_connect(void);
// Writes all, running rounds while the socket is full (bounded). False: it stays full.
bool rig_write(struct rig_client *client, struct slice bytes);
void rig_write_text(struct rig_client *client, const char *text);
void rig_read(struct rig_client *client);
void rig_disconnect(struct rig_client *client);
// What the client has received, as text; and forgets it. Valid until the next call.
const char *rig_text(struct rig_client *client);
// Says HELLO and takes WELCOME.
struct rig_client *rig_connect_binary(uint64_t producer_id, uint32_t epoch);
// The next answer that is no CREDIT, asserted to be there.
struct frames_answer rig_answer(struct rig_client *client);
void rig_expect_nothing(struct rig_client *client);
// The workers answer all they were asked.
void rig_answer_admin(void);

#endif
