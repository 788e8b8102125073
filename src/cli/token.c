#include "cli/token.h"

#include "app/setting_source.h"
#include "auth/token.h"

#include <string.h>

#define AT(member) offsetof(struct token_options, member)
#define YEAR_MS    (366 * 24 * UINT64_C(3600) * 1000)

// In the order of enum algorithm, behind what is not said.
static const char *const algorithms[] = {"auto", "HS256", "RS256", "ES256", "EdDSA", NULL};
_Static_assert(ALGORITHM_HS256 == 0 && ALGORITHM_EDDSA == 3 && ALGORITHMS == 4,
               "the names stand in the order of the algorithms");

static const struct setting make_settings[] = {
    {.key = "key",
     .letter = 'k',
     .kind = SETTING_TEXTS,
     .offset = AT(keys),
     .value_name = "FILE",
     .help = "what to sign with: a secret, a private key in PEM, or a JSON Web Key with it"},
    {.key = "kid",
     .kind = SETTING_TEXT,
     .offset = AT(key_id),
     .value_name = "ID",
     .default_note = "the key's own, if it names one",
     .help = "which key of several, and the id that the token names"},
    {.key = "alg",
     .kind = SETTING_CHOICE,
     .offset = AT(algorithm),
     .choices = algorithms,
     .default_text = "auto",
     .help = "which key of several"},
    {.key = "sub",
     .kind = SETTING_TEXT,
     .offset = AT(subject),
     .value_name = "TEXT",
     .help = "whose token it is"},
    {.key = "read",
     .letter = 'r',
     .kind = SETTING_TEXTS,
     .offset = AT(read),
     .value_name = "PATTERN",
     .default_note = "none",
     .help = "streams that may be read, as in 'chat/*'"},
    {.key = "write",
     .letter = 'w',
     .kind = SETTING_TEXTS,
     .offset = AT(write),
     .value_name = "PATTERN",
     .default_note = "none",
     .help = "streams that may be published to, created, closed and deleted"},
    {.key = "types",
     .letter = 't',
     .kind = SETTING_TEXTS,
     .offset = AT(types),
     .value_name = "PATTERN",
     .default_note = "all",
     .help = "event types that may be seen"},
    {.key = "broadcast",
     .kind = SETTING_SWITCH,
     .offset = AT(may_broadcast),
     .help = "may send to single connections, and to all"},
    {.key = "expires",
     .letter = 'e',
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(expires_ms),
     .default_text = "1h",
     .minimum = 1000,
     .maximum = 100 * YEAR_MS,
     .help = "how long it is good"},
    {.key = "aud",
     .kind = SETTING_TEXT,
     .offset = AT(audience),
     .value_name = "TEXT",
     .help = "for whom it is (--auth-audience of the broker)"},
    {.key = "iss",
     .kind = SETTING_TEXT,
     .offset = AT(issuer),
     .value_name = "TEXT",
     .help = "from whom it is (--auth-issuer of the broker)"},
};

static const struct setting inspect_settings[] = {
    {.key = "key",
     .letter = 'k',
     .kind = SETTING_TEXTS,
     .offset = AT(keys),
     .value_name = "PATH",
     .default_note = "the signature is not checked",
     .help = "keys to verify with, as in --auth-keys of the broker"},
    {.key = "aud",
     .kind = SETTING_TEXT,
     .offset = AT(audience),
     .value_name = "TEXT",
     .help = "for whom it must be"},
    {.key = "iss",
     .kind = SETTING_TEXT,
     .offset = AT(issuer),
     .value_name = "TEXT",
     .help = "from whom it must be"},
    {.key = "leeway",
     .kind = SETTING_DURATION,
     .offset = AT(leeway_ms),
     .default_text = "30s",
     .maximum = YEAR_MS,
     .help = "how far apart clocks may be"},
};

static const struct setting key_settings[] = {
    {.key = "alg",
     .kind = SETTING_CHOICE,
     .offset = AT(algorithm),
     .choices = algorithms,
     .default_text = "EdDSA",
     .help = "what it is for"},
};

enum verb { VERB_MAKE, VERB_INSPECT, VERB_KEY, VERB_COUNT };

static const char *const verbs[VERB_COUNT] = {"make", "inspect", "key"};

static const struct setting_table tables[VERB_COUNT] = {
    [VERB_MAKE] = {.sections = SETTING_SECTION_ALONE(make_settings),
                   .usage = "ringcast token make --key FILE [options]",
                   .description = "Prints a signed token (JWT).",
                   .epilogue = "In patterns * stands for anything but /, ** for anything."},
    [VERB_INSPECT] = {.sections = SETTING_SECTION_ALONE(inspect_settings),
                      .usage = "ringcast token inspect [options] [TOKEN]",
                      .description = "Shows what a token says, and with --key whether it is good. "
                                     "Without an operand it is read from standard input, where "
                                     "other users do not see it.",
                      .epilogue = "Exit status: 0 good, or not checked; 1 not good; 2 wrong "
                                  "usage."},
    [VERB_KEY] = {.sections = SETTING_SECTION_ALONE(key_settings),
                  .usage = "ringcast token key [options] NAME",
                  .description = "Makes a new key: NAME.pem for --auth-keys of the broker and "
                                 "NAME.private.pem for `ringcast token make`; with --alg HS256 "
                                 "NAME.key for both."},
};

const struct command_options cli_token_options[] = {
    {"make", &tables[VERB_MAKE]},
    {"inspect", &tables[VERB_INSPECT]},
    {"key", &tables[VERB_KEY]},
    {NULL, NULL},
};

static void write_usage(FILE *out)
{
    (void)fprintf(out, "Usage: ringcast token make|inspect|key [options]\n\n"
                       "  make     print a signed token\n"
                       "  inspect  show what a token says, and whether it is good\n"
                       "  key      make a new key\n\n"
                       "`ringcast token make --help` and so on tell the options.\n");
}

static int run(enum verb verb, const struct token_options *options, const char *operand)
{
    switch (verb) {
    case VERB_MAKE: return token_make(options, stdout);
    case VERB_INSPECT: return token_inspect(options, operand, stdout);
    default: return token_make_key(options, operand, stdout);
    }
}

// How many operands there may be.
static int operands_of(enum verb verb)
{
    return verb == VERB_MAKE ? 0 : 1;
}

static bool is_count_right(enum verb verb, int operands)
{
    return operands <= operands_of(verb) && (verb != VERB_KEY || operands == 1);
}

int cli_token(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        write_usage(stdout);
        return 0;
    }
    enum verb verb = VERB_MAKE;
    while (verb < VERB_COUNT && (argc < 2 || strcmp(argv[1], verbs[verb]) != 0)) {
        verb++;
    }
    if (verb == VERB_COUNT) {
        if (argc >= 2) {
            (void)fprintf(stderr, "ringcast: there is no `ringcast token %s`\n", argv[1]);
        }
        write_usage(stderr);
        return 2;
    }
    struct token_options options = {0};
    int exit_status = 0;
    int operands = settings_read(&tables[verb], &options, argc - 1, argv + 1, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    if (!is_count_right(verb, operands)) {
        if (operands == 0) {
            (void)fprintf(stderr, "ringcast: NAME is missing: what the key's files are to be "
                                  "called\n");
        } else {
            (void)fprintf(stderr, "ringcast: '%s' is one argument too many\n",
                          argv[operands_of(verb) + 2]);
        }
        (void)fprintf(stderr, "Usage: %s\n", tables[verb].usage);
        return 2;
    }
    int status = run(verb, &options, operands > 0 ? argv[2] : NULL);
    return fflush(stdout) != 0 ? 1 : status;
}
