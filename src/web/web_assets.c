/* Made by scripts/embed.sh. */
#include "web_assets.h"

const struct web_asset web_assets[] = {
    {NULL, NULL, NULL, 0},
};
const size_t web_assets_count = 0;
