#include "fake_grant.h"

#include "conn/grant.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct grant *fake_grant(const char *subject, const char *read, const char *types,
                         uint64_t expires_ms)
{
    struct slice reads = slice_of(read);
    struct slice seen = types == NULL ? slice_empty() : slice_of(types);
    struct grant_terms terms = {.subject = slice_of(subject),
                                .read = {.at = &reads, .count = 1},
                                .types = {.at = &seen, .count = types != NULL},
                                .sees_all_types = types == NULL,
                                .expires_ms = expires_ms};
    struct grant *grant = grant_create(&terms);
    cr_assert_not_null(grant);
    return grant;
}

uint64_t fake_connection_id(const struct fake_text *text)
{
    static const char field[] = "Ringcast-Connection-Id: ";
    const char *at = strstr(text->bytes, field);
    cr_assert_not_null(at);
    return strtoull(at + sizeof(field) - 1, NULL, 16);
}

// The worker sleeps meanwhile: nothing else is under way for it.
void fake_give_grant(uint64_t connection_id, struct grant *grant)
{
    struct worker *worker = fake_worker();
    do {
        fake_run(20);
    } while (!atomic_load(&worker->loop.asleep));
    struct conn *conn = conn_of_public_id(&worker->shard, connection_id);
    cr_assert_not_null(conn);
    conn_set_grant(&worker->shard, conn, grant);
    conn->flags |= CONN_TIMER_DUE; // as if it were armed only now
    conn_make_ready(&worker->shard, conn);
    loop_wake(&worker->loop, NULL);
    fake_run(20);
}

enum rc_error fake_renew(uint64_t connection_id, struct grant *grant)
{
    static struct admin_request request;
    request = (struct admin_request){
        .operation = ADMIN_RENEW, .connection_id = connection_id, .grant = grant};
    fake_admin(&request);
    cr_assert_eq(request.parts[0].reached, 1);
    return request.parts[0].error;
}
