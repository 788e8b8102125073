// What producers and operators ask: an operation that belongs to a request of a connection. For the
// files of src/ingest alone.
#ifndef RINGCAST_INGEST_QUESTION_H
#define RINGCAST_INGEST_QUESTION_H

#include "base/json_writer.h"
#include "ingest/operation.h"
#include "ingest/producer.h"

// For the request `counter` of this producer: it becomes the request's, and is freed with it. NULL:
// no memory. operation_is_full(&ingest->questions) was false.
struct operation *question_create(struct producer *producer, uint64_t counter,
                                  enum line_operation asked);

// To ask how many subscribe to the stream, whose name is copied. False: no memory.
bool question_set_stream(struct operation *operation, struct slice stream);
// Takes what the line says (copied). ERR_NONE, or what is wrong with it, with more in message
// (perhaps empty).
enum rc_error question_prepare(struct operation *operation, const struct line_request *line,
                               char *message, size_t message_size);

// The asker's `done`.
void question_done(struct operation *operation);

// The members that LINE_STATUS tells, by figures that the workers gave (report.c).
void report_status(struct json_writer *writer, const struct operation *operation);
// The answer's members when all parts are there (report.c).
void question_write_answer(struct operation *operation);

#endif
