// Grants of connections to the worker of fake_log.h, without tokens.
#pragma once

#include "auth/grant.h"
#include "fake_log.h"

// A reference to one that may read streams like `read`, and see events of types like `types` (NULL:
// of all). expires_ms: Unix time, or GRANT_NEVER_EXPIRES.
struct grant *fake_grant(const char *subject, const char *read, const char *types,
                         uint64_t expires_ms);
// Of the connection whose answer begins this text.
uint64_t fake_connection_id(const struct fake_text *text);
// It has this grant, as if it had come with it. Nothing of its streams was published since.
void fake_give_grant(uint64_t connection_id, struct grant *grant);
// It is to go on with this one: what comes of that.
enum rc_error fake_renew(uint64_t connection_id, struct grant *grant);
