/* Made by scripts/embed.sh from src/web: the files that the broker serves. */
#ifndef RINGCAST_WEB_ASSETS_H
#define RINGCAST_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
    const char *path; /* relative to src/web, without a leading slash */
    const char *content_type;
    const unsigned char *bytes;
    size_t length;
};

extern const struct web_asset web_assets[]; /* web_assets_count of them, sorted by path */
extern const size_t web_assets_count;

#endif
