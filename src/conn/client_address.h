// A client's address as text. Any thread.
#pragma once

#include <netinet/in.h>

#include "base/bytes.h"
#include "conn/conn.h"

enum { CLIENT_ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN };

// "192.0.2.7", also where it came to a listener of IPv6; "2001:db8::1"; without the port; empty
// where it has none. Stands in `into`.
struct slice client_address_text(const struct conn_cold *cold,
                                 char into[CLIENT_ADDRESS_TEXT_BYTES]);
