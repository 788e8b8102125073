// `ringcast token make|inspect|key`: makes tokens, looks into them, and makes keys for them.
// Secrets are read from and written to files, never printed or taken from the command line.
#ifndef RINGCAST_CLI_TOKEN_H
#define RINGCAST_CLI_TOKEN_H

#include "app/setting.h"
#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// argv[0] is the command's name, argv[1] what to do. Returns the exit status: 0, 1 (it failed, or
// the token is not good), 2 (usage).
int cli_token(int argc, char **argv);

struct token_options {
    struct setting_texts keys; // paths
    unsigned algorithm;        // 0: not said; else enum algorithm + 1
    const char *key_id;
    const char *subject;
    const char *audience;
    const char *issuer;
    struct setting_texts read;
    struct setting_texts write;
    struct setting_texts types;
    bool may_broadcast;
    uint64_t expires_ms; // from now on; 0: never
    uint64_t leeway_ms;
};

// Each prints to out, failures to stderr, and returns the exit status.
int token_make(const struct token_options *options, FILE *out);
// token: NULL reads it from standard input.
int token_inspect(const struct token_options *options, const char *token, FILE *out);
// Writes NAME.key, or NAME.pem and NAME.private.pem, none of which may exist.
int token_make_key(const struct token_options *options, const char *name, FILE *out);

extern const struct command_options cli_token_options[];

#endif
