// The settings of [auth] and [cors].
#include "app/options_sections.h"

static const char *const origin_variables[] = {"ALLOW_ORIGINS", "CORS_ALLOWED_ORIGINS", NULL};
static const char *const algorithms[] = {"HS256", "RS256", "ES256", "EdDSA", NULL};
static const char *const anonymous[] = {"auto", "none", "read", "all", NULL};

STATIC_ASSERT(ALGORITHM_HS256 == 0 && ALGORITHM_RS256 == 1 && ALGORITHM_ES256 == 2 &&
                  ALGORITHM_EDDSA == 3 && ALGORITHMS == 4,
              "the choices of auth-algorithms stand in the order of enum algorithm");

// clang-format off: tables, one setting a block
static const struct setting auth_settings[] = {
    {.key = "auth-keys",
     .name = "keys",
     .kind = SETTING_TEXTS,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_keys),
     .value_name = "PATH",
     .default_note = "none",
     .help = "what tokens are verified with, read again when it changes and on SIGHUP: a JSON Web "
             "Key (set), PEM, or a directory of such"},
    {.key = "auth-algorithms",
     .name = "algorithms",
     .kind = SETTING_SET,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_algorithms),
     .choices = algorithms,
     .default_text = "HS256,RS256,ES256,EdDSA",
     .help = "how tokens may be signed"},
    {.key = "auth-audience",
     .name = "audience",
     .kind = SETTING_TEXT,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_audience),
     .value_name = "TEXT",
     .default_note = "not looked at",
     .help = "what a token's aud must be or have"},
    {.key = "auth-issuer",
     .name = "issuer",
     .kind = SETTING_TEXT,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_issuer),
     .value_name = "TEXT",
     .default_note = "not looked at",
     .help = "what a token's iss must be"},
    {.key = "auth-leeway",
     .name = "leeway",
     .kind = SETTING_DURATION,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_leeway_ms),
     .default_text = "30s",
     .maximum = HOUR,
     .help = "how far the clock of who makes tokens may be from ours"},
    {.key = "auth-require-exp",
     .name = "require_exp",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_require_exp),
     .default_text = "on",
     .choices = options_on_off,
     .help = "whether a token must say when it expires"},
    {.key = "auth-cookie",
     .name = "cookie",
     .kind = SETTING_TEXT,
     .traits = SETTING_RELOADS,
     .offset = AT(auth_cookie),
     .value_name = "NAME",
     .default_text = "auth_token",
     .help = "the cookie that has the token where there is no Authorization"},
    {.key = "anonymous",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(anonymous),
     .default_text = "auto",
     .choices = anonymous,
     .help = "what who has no token may; auto: read, or none where there are --auth-keys"},
};

const struct setting_section section_auth = {
    .name = "auth",
    .title = "tokens, and who has none",
    .settings = auth_settings,
    .count = OPTIONS_COUNT(auth_settings),
};

static const struct setting cors_settings[] = {
    {.key = "allow-origins",
     .kind = SETTING_TEXT,
     .traits = SETTING_LIST | SETTING_RELOADS,
     .offset = AT(allow_origins),
     .other_variables = origin_variables,
     .value_name = "ORIGIN,...",
     .default_note = "none",
     .help =
         "pages of other origins that may ask, as https://example.org; also in ALLOW_ORIGINS or "
         "CORS_ALLOWED_ORIGINS"},
    {.key = "require-origin",
     .kind = SETTING_SWITCH,
     .traits = SETTING_RELOADS,
     .offset = AT(require_origin),
     .help = "requests without Origin are answered 403, as of programs that are no browsers"},
};

const struct setting_section section_cors = {
    .name = "cors",
    .title = "pages of other origins",
    .settings = cors_settings,
    .count = OPTIONS_COUNT(cors_settings),
};
// clang-format on
