#include "tls/certificate.h"

#include "base/bytes.h"
#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char *message, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(char *message, const char *path, const char *format, ...)
{
    char text[TLS_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)snprintf(message, TLS_MESSAGE_SIZE, "%.250s: %.380s", path, text);
    return false;
}

static void tell(const struct tls_notes *notes, const char *path, const char *text)
{
    char line[TLS_MESSAGE_SIZE];
    if (notes->note != NULL) {
        (void)snprintf(line, sizeof(line), "%.250s: %.380s", path, text);
        notes->note(notes->context, line);
    }
}

// OpenSSL's own words for what went wrong first. The queue is empty then.
static const char *take_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return reason == NULL ? "OpenSSL does not say why" : reason;
}

// --- files ---

// The file as a memory BIO, which owns a copy. NULL with one line in message.
static BIO *open_file(const char *path, char *message, struct stat *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, status) != 0) {
        char why[FILE_ERROR_SIZE];
        fail(message, path, "cannot be read: %s", file_error(errno, why));
        if (fd >= 0) {
            (void)close(fd);
        }
        return NULL;
    }
    BIO *bio = NULL;
    if (!S_ISREG(status->st_mode)) {
        fail(message, path, "is no file");
    } else if (status->st_size > TLS_FILE_BYTES_MAX) {
        fail(message, path, "is larger than %d KiB: no certificate or key is",
             TLS_FILE_BYTES_MAX >> 10);
    } else if ((bio = BIO_new(BIO_s_mem())) == NULL) {
        fail(message, path, "out of memory");
    }
    char bytes[4096];
    ssize_t got = 0;
    while (bio != NULL && (got = read(fd, bytes, sizeof(bytes))) > 0) {
        if (BIO_write(bio, bytes, (int)got) != got) {
            break;
        }
    }
    if (bio != NULL && got != 0) {
        fail(message, path, "cannot be read: %s", strerrordesc_np(got < 0 ? errno : ENOMEM));
        BIO_free(bio);
        bio = NULL;
    }
    (void)close(fd);
    return bio;
}

// Where a PEM part begins.
static const char certificate_mark[] = "CERTIFICATE-----";
static const char key_mark[] = "PRIVATE KEY-----";

static bool holds(struct slice text, const char *wanted)
{
    return text.length > 0 && memmem(text.at, text.length, wanted, strlen(wanted)) != NULL;
}

// What a file without a PEM part of the kind holds instead; NULL: nothing that is known.
static const char *guess_content(BIO *bio, const char *wanted, const char *other)
{
    char *at;
    long length = BIO_get_mem_data(bio, &at);
    struct slice text = slice_from(at, length > 0 ? (size_t)length : 0);
    if (holds(text, other) && !holds(text, wanted)) {
        return "it has the other of the two: were certificate and key exchanged?";
    }
    if (length > 0 && (uint8_t)at[0] == 0x30) {
        return "it looks like DER: `openssl x509 -inform der` or `openssl pkey -inform der` turns "
               "it into PEM";
    }
    return NULL;
}

// --- certificates ---

static void tell_of_time(const struct tls_notes *notes, const char *path, const X509 *certificate)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        tell(notes, path, "the certificate has expired: clients will refuse it");
    } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        tell(notes, path, "the certificate is not valid yet: clients will refuse it");
    }
}

// The rest of the file: certificates of those who signed it.
static bool add_chain(SSL_CTX *context, BIO *bio, size_t chain_bytes, const char *path,
                      char *message)
{
    for (;;) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) {
            bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            const char *reason = take_reason();
            return is_end ||
                   fail(message, path, "a certificate of its chain is faulty: %s", reason);
        }
        int length = i2d_X509(certificate, NULL);
        chain_bytes += length > 0 ? (size_t)length : 0;
        if (chain_bytes > TLS_CHAIN_BYTES_MAX) {
            X509_free(certificate);
            return fail(message, path,
                        "its chain is longer than %d KiB: leave out what clients know",
                        TLS_CHAIN_BYTES_MAX >> 10);
        }
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            return fail(message, path, "a certificate of its chain cannot be used: %s",
                        take_reason());
        }
    }
}

static bool use_chain(SSL_CTX *context, const char *path, const struct tls_notes *notes,
                      char *message)
{
    struct stat status;
    BIO *bio = open_file(path, message, &status);
    if (bio == NULL) {
        return false;
    }
    const char *content = guess_content(bio, certificate_mark, key_mark);
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    bool is_used = false;
    if (certificate == NULL) {
        bool has_none = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        const char *reason = take_reason();
        if (has_none) {
            fail(message, path, "holds no certificate in PEM form%s%s", content != NULL ? "; " : "",
                 content != NULL ? content : "");
        } else {
            fail(message, path, "its certificate is faulty: %s", reason);
        }
    } else if (SSL_CTX_use_certificate(context, certificate) != 1) {
        fail(message, path, "this certificate cannot be used: %s", take_reason());
    } else {
        int length = i2d_X509(certificate, NULL);
        tell_of_time(notes, path, certificate);
        is_used = add_chain(context, bio, length > 0 ? (size_t)length : 0, path, message);
    }
    X509_free(certificate);
    BIO_free(bio);
    return is_used;
}

// --- keys ---

// Asked for where a key is encrypted: there is none to give.
static int note_passphrase(char *text, int size, int is_writing, void *was_asked)
{
    (void)text;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

static EVP_PKEY *read_key(const char *path, const struct tls_notes *notes, char *message)
{
    struct stat status;
    BIO *bio = open_file(path, message, &status);
    if (bio == NULL) {
        return NULL;
    }
    if ((status.st_mode & S_IRWXO) != 0) {
        tell(notes, path, "everybody may read this key: chmod o= it");
    }
    const char *content = guess_content(bio, key_mark, certificate_mark);
    bool is_encrypted = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, note_passphrase, &is_encrypted);
    const char *reason = take_reason();
    if (is_encrypted) {
        fail(message, path,
             "the key is encrypted, and nobody is there to be asked for its pass phrase: "
             "`openssl pkey` writes it without one");
    } else if (key == NULL && content != NULL) {
        fail(message, path, "holds no private key in PEM form; %s", content);
    } else if (key == NULL) {
        fail(message, path, "holds no private key in PEM form (%s)", reason);
    }
    BIO_free(bio);
    return key;
}

bool tls_certificate_use(SSL_CTX *context, const char *certificate_path, const char *key_path,
                         const struct tls_notes *notes, char message[TLS_MESSAGE_SIZE])
{
    ERR_clear_error();
    if (!use_chain(context, certificate_path, notes, message)) {
        return false;
    }
    EVP_PKEY *key = read_key(key_path, notes, message);
    if (key == NULL) {
        return false;
    }
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    bool is_used = false;
    if (X509_check_private_key(certificate, key) != 1) {
        ERR_clear_error();
        fail(message, key_path, "is not the key of the certificate in %.250s", certificate_path);
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1) {
        fail(message, key_path, "this key cannot be used: %s", take_reason());
    } else {
        is_used = true;
    }
    EVP_PKEY_free(key);
    return is_used;
}

bool tls_certificate_is_for(const SSL_CTX *context, const char *host)
{
    X509 *certificate = SSL_CTX_get0_certificate(context);
    return X509_check_host(certificate, host, 0, 0, NULL) == 1;
}
