/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_env - shell lines that point any client at the gateway: eval "$(weir env)". */
#include <stdio.h>

#include "app/agent_env.h"
#include "app/config.h"

static void print(void *ctx, const char *name, str value)
{
    (void)ctx;
    if (!value.p) {
        printf("unset %s\n", name);
        return;
    }
    printf("export %s='", name); /* in single quotes only a single quote needs care */
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\'')
            printf("'\\''");
        else
            putchar(value.p[i]);
    }
    printf("'\n");
}

static int run(const struct options *o)
{
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    agent_env_each(s, AGENT_CLAUDE | AGENT_ANY, print, NULL);
    snapshot_unref(s);
    return EXIT_DONE;
}

const struct command command_env = {
    .name = "env",
    .args = "[--config FILE]",
    .summary = "print the exports that point a client here: eval \"$(weir env)\"",
    .help = "The key is $WEIR_API_KEY, else the first one of the configuration.",
    .run = run,
};
