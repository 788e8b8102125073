// Streams that have ended (mission G3): closed, cancelled or deleted. A subscriber that has been
// sent all of one is told so, and leaves it; with the last of its streams its connection ends. A
// request that nothing is left for is answered at once. One thread.
#pragma once

#include "conn/shard.h"

// Its walk gave nothing more of any of its streams: tells of one that has ended, and makes it ready
// to look for others. In conn_pump, which has room for NOTICE_END_BYTES_MAX.
void conn_tell_end(struct shard *shard, struct conn *conn);

// Whether the context's streams are all deleted: then it was answered with 404.
bool ending_answer_deleted(struct shard *shard, struct conn *conn, const struct context *context);
// Whether, by its starting points, they have ended with nothing left to send or to tell of: then it
// was answered with 204, at which EventSource stops.
bool ending_answer_complete(struct shard *shard, struct conn *conn, const struct context *context);
