// Certificates and keys from files into OpenSSL's contexts, with an error that says what is wrong
// with which file. Any thread; OpenSSL's error queue is empty afterwards.
#ifndef RINGCAST_TLS_CERTIFICATE_H
#define RINGCAST_TLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

enum {
    TLS_MESSAGE_SIZE = 640,         // enough for every error line
    TLS_FILE_BYTES_MAX = 1 << 20,   // of a file
    TLS_CHAIN_BYTES_MAX = 24 << 10, // of a chain as it is sent: a handshake's answer is bounded
};

// Where warnings go: a certificate that has expired, a key that everybody may read.
struct tls_notes {
    void (*note)(void *context, const char *line); // NULL: nobody listens
    void *context;
};

// Takes the chain (PEM, the server's own certificate first) and its key. False with one line in
// message.
bool tls_certificate_use(SSL_CTX *context, const char *certificate_path, const char *key_path,
                         const struct tls_notes *notes, char message[TLS_MESSAGE_SIZE]);

// Whether it is for a host of this name.
bool tls_certificate_is_for(const SSL_CTX *context, const char *host);

#endif
