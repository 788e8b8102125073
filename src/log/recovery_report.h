// Within recovery: how faults are made and told.
#ifndef RINGCAST_LOG_RECOVERY_REPORT_H
#define RINGCAST_LOG_RECOVERY_REPORT_H

#include "log/recovery.h"

// A read that fails is tried this often in all: what is in doubt is not to be cut off in haste.
enum { RECOVERY_READ_TRIES = 3 };

struct recovery_fault recovery_segment_fault(enum recovery_fault_kind kind, uint64_t number,
                                             uint64_t offset);
// Fills fault->text, counts it, and tells the visitor.
void recovery_report(struct recovery *recovery, const struct recovery_visitor *visitor,
                     struct recovery_fault *fault, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
