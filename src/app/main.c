/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - finds the command, reads its options, runs it.
 *
 * getopt_long was passed over: it permutes the words, which belong to claude behind `weir code`,
 * and its messages do not say what to do. Every option is known to every command, for all of them
 * load a configuration; a command that has no use for one ignores it.
 */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "base/check.h"

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "app/commands.def"
#undef COMMAND
};

static void usage(FILE *to)
{
    fprintf(to,
            "weir %s - one gateway between the programs that use AI models and the providers that "
            "serve them\n\n"
            "usage: weir COMMAND [options]\n\n",
            WEIR_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n`weir COMMAND --help` says more. The first minute: `weir serve`, then `weir "
                "code` in another terminal.\n");
}

static void command_help(const struct command *c)
{
    printf("weir %s - %s\n\nusage: weir %s %s\n\n%s\n"
           "  --config FILE   the configuration (default: $WEIR_CONFIG, ./config/weir.yaml, "
           "~/.config/weir/weir.yaml)\n"
           "  --data DIR      state (default: $WEIR_DATA, else beside the configuration)\n"
           "  --help          this text\n",
           c->name, c->summary, c->name, c->args, c->help);
}

/* --name, or --name VALUE and --name=VALUE; where it goes in struct options. */
struct option_row {
    const char *name;
    size_t offset;
    bool has_value;
};

static const struct option_row option_rows[] = {
    {"--config", offsetof(struct options, config), true},
    {"--data", offsetof(struct options, data_dir), true},
    {"--daemon", offsetof(struct options, daemon), false},
    {"--schema", offsetof(struct options, schema), false},
    {"--json", offsetof(struct options, json), false},
};

int options_take(struct options *o, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
        const struct option_row *r = &option_rows[i];
        size_t n = strlen(r->name);
        if (strncmp(argv[0], r->name, n) != 0 || (argv[0][n] != '\0' && argv[0][n] != '='))
            continue;
        char *at = (char *)o + r->offset;
        if (!r->has_value) {
            *(bool *)at = true;
            return argv[0][n] ? 0 : 1;
        }
        const char *value = argv[0][n] == '=' ? argv[0] + n + 1 : argv[1];
        if (!value)
            return -1;
        memcpy(at, &value, sizeof(value)); /* a pointer into argv, which lives as long as we do */
        return argv[0][n] == '=' ? 1 : 2;
    }
    return 0;
}

static int wrong_use(const struct command *c, const char *what, const char *word)
{
    fprintf(stderr, "weir %s: %s %s\nusage: weir %s %s\n", c->name, what, word, c->name, c->args);
    return EXIT_USAGE;
}

static bool asks_for_help(char **argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
            return true;
    return false;
}

static int run(const struct command *c, char **argv)
{
    struct options o = {0};
    if (c->own_options && asks_for_help(argv)) {
        command_help(c);
        return EXIT_DONE;
    }
    while (*argv) {
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            command_help(c);
            return EXIT_DONE;
        }
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        }
        int n = c->own_options ? 0 : options_take(&o, argv);
        if (n < 0)
            return wrong_use(c, "a value is missing after", *argv);
        if (n == 0 && c->takes_rest)
            break;
        if (n == 0)
            return wrong_use(c, "unknown option", *argv);
        argv += n;
    }
    o.rest = argv;
    if (*argv && !c->takes_rest)
        return wrong_use(c, "unexpected word", *argv);
    return c->run(&o);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
        return command_version.run(&(struct options){0});
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run(commands[i], argv + 2);
    fprintf(stderr, "weir: there is no command \"%s\"; `weir --help` lists them\n", argv[1]);
    return EXIT_USAGE;
}
