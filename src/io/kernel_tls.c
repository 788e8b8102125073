#include "io/kernel_tls.h"

#include "base/assert.h"
#include "io/direct.h"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { RECORD_ALERT = 21, ALERT_WARNING = 1, ALERT_CLOSE_NOTIFY = 0 };

void io_prep_tls_attach(struct io_uring_sqe *sqe, int descriptor, uint64_t user_data)
{
    static const char name[] = "tls";
    io_prep_setsockopt_direct(sqe, descriptor, IPPROTO_TCP, TCP_ULP, name, sizeof(name) - 1,
                              user_data);
}

void io_prep_tls_send_keys(struct io_uring_sqe *sqe, int descriptor, const void *keys,
                           uint32_t keys_bytes, uint64_t user_data)
{
    io_prep_setsockopt_direct(sqe, descriptor, SOL_TLS, TLS_TX, keys, keys_bytes, user_data);
}

// A cmsghdr with its data, which C cannot initialize as such.
struct record_type {
    size_t length;
    int level;
    int kind;
    uint8_t type;
    uint8_t padding[CMSG_SPACE(1) - CMSG_LEN(0) - 1];
};
STATIC_ASSERT(sizeof(struct record_type) == CMSG_SPACE(1) &&
                  offsetof(struct record_type, level) == offsetof(struct cmsghdr, cmsg_level) &&
                  offsetof(struct record_type, kind) == offsetof(struct cmsghdr, cmsg_type) &&
                  offsetof(struct record_type, type) == CMSG_LEN(0),
              "as the kernel reads it");

// One for all: the kernel only reads them.
static uint8_t alert[] = {ALERT_WARNING, ALERT_CLOSE_NOTIFY};
static struct iovec alert_piece = {alert, sizeof(alert)};
static struct record_type alert_type = {
    .length = CMSG_LEN(1), .level = SOL_TLS, .kind = TLS_SET_RECORD_TYPE, .type = RECORD_ALERT};
static struct msghdr alert_message = {.msg_iov = &alert_piece,
                                      .msg_iovlen = 1,
                                      .msg_control = &alert_type,
                                      .msg_controllen = sizeof(alert_type)};

void io_prep_tls_close_notify(struct io_uring_sqe *sqe, int descriptor)
{
    io_uring_prep_sendmsg(sqe, descriptor, &alert_message, MSG_DONTWAIT | MSG_NOSIGNAL);
    sqe->flags = IOSQE_FIXED_FILE;
    loop_ignore(sqe);
}
