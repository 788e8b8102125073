// The values of delivery that a subscriber may say in its request, and an administrator in rules of
// link quality (flow/rules.h): names, spelling and bounds are the same. Any thread.
#ifndef RINGCAST_HTTP_SUBSCRIBE_SETTING_H
#define RINGCAST_HTTP_SUBSCRIBE_SETTING_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum subscribe_client {
    SUBSCRIBE_CLIENT_NONE,
    SUBSCRIBE_CLIENT_DEFAULT,
    SUBSCRIBE_CLIENT_MOBILE,
    SUBSCRIBE_CLIENT_WEB,
    SUBSCRIBE_CLIENT_DESKTOP,
    SUBSCRIBE_CLIENT_API,
};

enum subscribe_setting {
    SUBSCRIBE_EVENTS_PER_SECOND,
    SUBSCRIBE_BYTES_PER_SECOND,
    SUBSCRIBE_BURST,          // events
    SUBSCRIBE_MAX_EVENT_SIZE, // bytes
    SUBSCRIBE_BATCHING,       // 0 or 1
    SUBSCRIBE_BATCH_SIZE,     // events
    SUBSCRIBE_BATCH_TIMEOUT,  // milliseconds
    SUBSCRIBE_COMPRESSION,    // 0 or 1
    SUBSCRIBE_SETTINGS,
};

// "mobile", ...; "none". Static memory.
const char *subscribe_client_name(enum subscribe_client client);
// False for anything but the name of a profile ("none" is no name).
bool subscribe_client_parse(struct slice name, enum subscribe_client *client);
#define SUBSCRIBE_CLIENTS_ALLOWED "mobile, web, desktop, api or default"

// False for what is no name of a setting, such as "batch_size".
bool subscribe_setting_find(struct slice name, enum subscribe_setting *setting);
const char *subscribe_setting_name(enum subscribe_setting setting);
// False for what is no value within the bounds, which subscribe_setting_allowed tells to people.
bool subscribe_setting_parse(enum subscribe_setting setting, struct slice text, uint32_t *value);
const char *subscribe_setting_allowed(enum subscribe_setting setting);

#endif
