// The simulation's streams that are made and end, beside those whose events it follows: what the
// log must know of each, by a model of its own. See test_simulation.c.
#ifndef RINGCAST_TESTS_SIMULATION_LIFE_H
#define RINGCAST_TESTS_SIMULATION_LIFE_H

#include "simulation.h"

// References of its acknowledgements begin here.
#define LIFE_REFERENCE UINT64_C(0x40000000)

void simulation_life_begin(void);
// Subscribes to them, as reader 1.
void simulation_life_subscribe(void);
// Something is done to one of them; the log's answer is held against the model's.
void simulation_life_step(void);
void simulation_life_acknowledge(const struct log_acknowledgement *ack);
void simulation_life_message(const struct log_message *message);
// The reader's inbox is empty.
void simulation_life_read_all(void);
// All that was done is durable: is everyone told?
bool simulation_life_is_told(void);
// After a start: what the log knows is what was done, up to some point behind all that was
// acknowledged as durable.
void simulation_life_check_start(enum ending ending);

#endif
