// Streams that block: how far the slowest of this worker's subscribers is, which the log is told so
// that it can hold the stream's producers back. Only those subscribers count who have been at the
// stream's end once, and whose own policy is not another one.
//
// A stream is looked at when there is news for it, or one of its subscribers was sent something or
// left; and walked over only where the one that was the slowest has moved. One thread.
#pragma once

#include "conn/shard.h"

// The stream's policy may have changed (it is STREAM_LIVE).
void slowest_choose(struct shard *shard, struct stream *stream);
// Its subscribers are to be looked at in this round. Nothing happens where it does not block.
void slowest_note(struct shard *shard, struct stream *stream);
// The same for all streams of a connection.
void slowest_note_conn(struct shard *shard, const struct conn *conn);
// Looks at a bounded number of subscribers. After all sends of the round. True: there are more.
bool slowest_round(struct shard *shard);
// Tells the log, as far as its inbox has room. False: it has none left.
bool slowest_post(struct shard *shard,
                  bool (*post)(void *context, const struct log_message *message), void *context);
// How long the worker may sleep before it has to say that it lives; UINT64_MAX: for ever.
uint64_t slowest_next_ms(const struct shard *shard);
// The stream goes.
void slowest_forget(struct stream *stream);
