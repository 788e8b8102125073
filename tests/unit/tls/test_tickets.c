#include "tls/tickets.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tls_tickets begin(const struct tls_tickets *former, uint64_t now_ms)
{
    struct tls_tickets tickets;
    tls_tickets_begin(&tickets, former, now_ms);
    return tickets;
}

static bool opens(const struct tls_tickets *tickets, const struct tls_ticket_key *key)
{
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t iv[EVP_MAX_IV_LENGTH] = {0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    memcpy(name, key->name, sizeof(name));
    int result = tls_tickets_prepare(tickets, name, iv, cipher, mac, false);
    cr_assert_geq(result, 0);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(hmac);
    EVP_CIPHER_CTX_free(cipher);
    return result == 1;
}

Test(tickets, a_key_seals_for_a_while_and_opens_for_as_long_again)
{
    struct tls_tickets first = begin(NULL, 50);
    cr_assert_eq(first.count, 1);
    cr_assert_not(tls_tickets_are_due(&first, 50 + TLS_TICKET_LIFE_MS - 1));
    cr_assert(tls_tickets_are_due(&first, 50 + TLS_TICKET_LIFE_MS));
    struct tls_tickets second = begin(&first, 50 + TLS_TICKET_LIFE_MS);
    cr_assert_eq(second.count, 2);
    cr_assert_neq(memcmp(&second.keys[0], &first.keys[0], sizeof(first.keys[0])), 0);
    cr_assert(opens(&second, &first.keys[0]));
    cr_assert(opens(&second, &second.keys[0]));
    struct tls_tickets third = begin(&second, 50 + 2 * (uint64_t)TLS_TICKET_LIFE_MS);
    cr_assert_eq(third.count, 2);
    cr_assert_not(opens(&third, &first.keys[0]));
    cr_assert(opens(&third, &second.keys[0]));
}

Test(tickets, other_certificates_keep_the_keys)
{
    struct tls_tickets first = begin(NULL, 0);
    struct tls_tickets second = begin(&first, 1000);
    cr_assert_eq(second.count, 1);
    cr_assert_eq(memcmp(&second.keys[0], &first.keys[0], sizeof(first.keys[0])), 0);
}

Test(tickets, keys_of_long_ago_do_not_come_back)
{
    struct tls_tickets first = begin(NULL, 0);
    struct tls_tickets second = begin(&first, 10 * (uint64_t)TLS_TICKET_LIFE_MS);
    cr_assert_eq(second.count, 1);
    cr_assert_not(opens(&second, &first.keys[0]));
    tls_tickets_wipe(&second);
    cr_assert_eq(second.count, 0);
    cr_assert_not(tls_tickets_are_due(&second, UINT64_MAX));
}
