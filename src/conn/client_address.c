#include "conn/client_address.h"

#include <arpa/inet.h>

struct slice client_address_text(const struct conn_cold *cold, char into[CLIENT_ADDRESS_TEXT_BYTES])
{
    bool has_address = cold->family == AF_INET || cold->family == AF_INET6;
    return has_address &&
                   inet_ntop(cold->family, cold->address, into, CLIENT_ADDRESS_TEXT_BYTES) != NULL
               ? slice_of(into)
               : slice_empty();
}
