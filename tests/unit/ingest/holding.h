// What the tests of held events share: an ingest whose log says which streams are full, on a clock
// that stands still but for holding_pass.
#ifndef TESTS_UNIT_INGEST_HOLDING_H
#define TESTS_UNIT_INGEST_HOLDING_H

#include "ingest/ingest.h"
#include "unit/ingest/rig.h"

enum { HOLDING_WAIT_MS = 3000, HOLDING_EVENT_BYTES = 60000 };

extern struct buffer holding_out; // frames to be sent by holding_send
extern uint64_t holding_now_ms;

void holding_begin(void);
void holding_end(void);
// In steps shorter than the sweep's.
void holding_pass(uint64_t for_ms);
void holding_press(const char *stream, enum log_pressure_stage stage);
// Speaks this version of the binary protocol.
struct rig_client *holding_connect(uint16_t version);
void holding_send(struct rig_client *client);
struct ingest_status holding_status(void);
void holding_expect_credit(struct rig_client *client, const char *stream, uint64_t credit);
void holding_expect_ack(struct rig_client *client, uint64_t request);

#endif
