// Keys in PEM (RFC 7468).
#include "auth/key.h"

#include "base/assert.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

// Nobody is asked for a passphrase: a broker starts without people.
static int no_passphrase(char *into, int size, int for_writing, void *context)
{
    (void)into;
    (void)size;
    (void)for_writing;
    (void)context;
    return -1;
}

static EVP_PKEY *read_certificate(BIO *text)
{
    X509 *certificate = PEM_read_bio_X509(text, NULL, no_passphrase, NULL);
    EVP_PKEY *pair = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    X509_free(certificate);
    return pair;
}

static bool holds(struct slice text, const char *wanted, size_t *at)
{
    const uint8_t *found =
        text.length == 0 ? NULL : memmem(text.at, text.length, wanted, strlen(wanted));
    *at = found == NULL ? text.length : (size_t)(found - text.at);
    return found != NULL;
}

static bool ends_with(struct slice text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && slice_equal_text(slice_after(text, text.length - length), end);
}

// The label of the first block that is a key or a certificate. (`openssl ecparam -genkey` puts one
// of parameters before the key.)
static struct slice find_label(struct slice pem)
{
    static const char begin[] = "-----BEGIN ";
    size_t at = 0;
    while (holds(pem, begin, &at)) {
        pem = slice_after(pem, at + strlen(begin));
        struct slice label = slice_first(pem, slice_find(pem, '-'));
        if (ends_with(label, "PRIVATE KEY") || ends_with(label, "PUBLIC KEY") ||
            slice_equal_text(label, "CERTIFICATE")) {
            return label;
        }
    }
    return slice_empty();
}

struct key *key_from_pem(struct slice pem, char *reason)
{
    struct slice label = find_label(pem);
    size_t at = 0;
    const char *fault = "the PEM block cannot be read: is it whole?";
    bool is_private = ends_with(label, "PRIVATE KEY");
    EVP_PKEY *pair = NULL;
    BIO *text = pem.length > INT_MAX ? NULL : BIO_new_mem_buf(pem.at, (int)pem.length);
    if (text == NULL) {
        fault = "out of memory";
    } else if (is_private && holds(pem, "ENCRYPTED", &at)) {
        fault = "a private key with a passphrase; verifying takes the public key alone: "
                "openssl pkey -pubout";
    } else if (is_private) {
        pair = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);
    } else if (slice_equal_text(label, "CERTIFICATE")) {
        pair = read_certificate(text);
    } else if (ends_with(label, "PUBLIC KEY")) {
        pair = PEM_read_bio_PUBKEY(text, NULL, no_passphrase, NULL);
    } else {
        fault = "no PEM block with a public key, a certificate or a private key";
    }
    BIO_free(text);
    ERR_clear_error();
    if (pair == NULL) {
        (void)snprintf(reason, KEY_REASON_SIZE, "%s", fault);
        return NULL;
    }
    return key_from_pair(pair, is_private, reason);
}
