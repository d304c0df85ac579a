/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command - the command line: one file a command, one line in commands.def.
 *
 * To add one: cmd_NAME.c with a const struct command_NAME, a line in commands.def, the file in
 * meson.build. Results go to stdout, what is said about them to stderr, so that both
 * `eval "$(weir env)"` and `weir status --json | jq` get what they want and nothing else.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong use or a refused configuration.
 */
#pragma once
#include "base/str.h"

#define EXIT_DONE   0
#define EXIT_FAILED 1
#define EXIT_USAGE  2

/* What most commands take. */
struct options {
    const char *config;   /* --config FILE */
    const char *data_dir; /* --data DIR */
    bool daemon;          /* serve --daemon */
    bool schema;          /* check --schema */
    bool json;
    char **rest; /* behind the options, or behind "--"; NULL at the end */
};

/* Take one of these options at argv[0]: how many words it was; 0: unknown; -1: its value is
 * missing. For commands with options of their own, which stand in `rest` with all that follows
 * them. */
int options_take(struct options *o, char **argv);

struct command {
    const char *name;
    const char *args;    /* "[--daemon]" */
    const char *summary; /* one line */
    const char *help;    /* what --help adds */
    int (*run)(const struct options *o);
    bool takes_rest;  /* words behind the options are the command's own … */
    bool own_options; /* … and the options too: all but --help stand in `rest` */
};

#define COMMAND(name) extern const struct command command_##name;
#include "app/commands.def"
#undef COMMAND
