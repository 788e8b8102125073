// The op numbers (see loop_tag) of every module that submits to a loop, in one place so that they
// never collide. A module with several kinds of request takes several numbers. 0 to LOOP_OPS - 1.
#ifndef RINGCAST_IO_OPS_H
#define RINGCAST_IO_OPS_H

enum loop_op {
    OP_NONE = 0,

    // src/log
    OP_LOG_DISK = 16,

    // src/ingest: 32 to 63
    OP_INGEST = 32,

    // src/conn and src/worker: 64 to 127
    OP_CONN = 64,
    OP_WORKER = 96,

    // src/app: 128 to 143
    OP_APP = 128,

    // tests: 200 to 239
    OP_TEST = 200,
};

#endif
