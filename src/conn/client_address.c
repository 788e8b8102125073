#include "conn/client_address.h"

#include "base/ip.h"

#include <arpa/inet.h>

struct slice client_address_text(const struct conn_cold *cold, char into[CLIENT_ADDRESS_TEXT_BYTES])
{
    struct ip ip = ip_of(cold->family, cold->address);
    return ip.family != 0 && inet_ntop(ip.family, ip.bytes, into, CLIENT_ADDRESS_TEXT_BYTES) != NULL
               ? slice_of(into)
               : slice_empty();
}
