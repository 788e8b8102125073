#include "tls/tickets.h"

#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <string.h>

static void make_key(struct tls_ticket_key *key, uint64_t now_ms)
{
    key->made_ms = now_ms;
    random_bytes(key->name, sizeof(key->name));
    random_bytes(key->cipher, sizeof(key->cipher));
    random_bytes(key->mac, sizeof(key->mac));
}

static bool seals(const struct tls_ticket_key *key, uint64_t now_ms)
{
    return now_ms - key->made_ms < TLS_TICKET_LIFE_MS;
}

static bool opens(const struct tls_ticket_key *key, uint64_t now_ms)
{
    return now_ms - key->made_ms < 2 * (uint64_t)TLS_TICKET_LIFE_MS;
}

void tls_tickets_begin(struct tls_tickets *tickets, const struct tls_tickets *former,
                       uint64_t now_ms)
{
    struct tls_tickets next = {0};
    bool has_newest = former != NULL && former->count > 0 && seals(&former->keys[0], now_ms);
    if (!has_newest) {
        make_key(&next.keys[next.count++], now_ms);
    }
    for (uint32_t i = 0; former != NULL && i < former->count && next.count < 2; i++) {
        if (opens(&former->keys[i], now_ms)) {
            next.keys[next.count++] = former->keys[i];
        }
    }
    *tickets = next;
    OPENSSL_cleanse(&next, sizeof(next));
}

bool tls_tickets_are_due(const struct tls_tickets *tickets, uint64_t now_ms)
{
    return tickets->count > 0 && !seals(&tickets->keys[0], now_ms);
}

void tls_tickets_wipe(struct tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets, sizeof(*tickets));
}

static const struct tls_ticket_key *find(const struct tls_tickets *tickets,
                                         const uint8_t name[TLS_TICKET_NAME_BYTES])
{
    for (uint32_t i = 0; i < tickets->count; i++) {
        if (memcmp(tickets->keys[i].name, name, TLS_TICKET_NAME_BYTES) == 0) {
            return &tickets->keys[i];
        }
    }
    return NULL;
}

static bool prepare_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key)
{
    static char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int tls_tickets_prepare(const struct tls_tickets *tickets, uint8_t name[TLS_TICKET_NAME_BYTES],
                        uint8_t iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                        bool is_sealing)
{
    const struct tls_ticket_key *key = is_sealing && tickets->count > 0 ? &tickets->keys[0] : NULL;
    if (key != NULL) {
        memcpy(name, key->name, sizeof(key->name));
        random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
    } else if (!is_sealing) {
        key = find(tickets, name);
    }
    if (key == NULL) {
        return 0;
    }
    bool is_ready =
        EVP_CipherInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, is_sealing, NULL) == 1 &&
        prepare_mac(mac, key);
    return is_ready ? 1 : -1;
}
