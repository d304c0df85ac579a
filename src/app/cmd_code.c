/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_code - Claude Code on this gateway: starts the gateway if none runs, sets the environment and
 * becomes `claude`. Words behind `--` (or the first unknown one) are claude's, untouched: no shell
 * ever sees them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/agent_env.h"
#include "app/ask.h"
#include "app/config.h"
#include "app/daemon.h"
#include "base/auto.h"
#include "base/mem.h"

static void set(void *ctx, const char *name, str value)
{
    char text[4096];
    bool *failed = ctx;
    if (!value.p) {
        unsetenv(name);
        return;
    }
    int n = snprintf(text, sizeof(text), STR_FMT, STR_ARG(value));
    if (n < 0 || (size_t)n >= sizeof(text) || setenv(name, text, 1) != 0)
        *failed = true;
}

static bool is_running(const struct snapshot *s)
{
    AUTO(buf_fini) struct buf body = BUF_INIT(1u << 20);
    enum rc rc = ask_gateway(s, "/livez", &body);
    return rc == RC_OK || rc == RC_UNSUPPORTED; /* TLS: whether it lives is claude's to find out */
}

/* execvp: weir is gone and claude has its terminal, its signals and its exit code, as if it had
 * been called by itself. Descriptors of ours are all close-on-exec. */
static int become_claude(char **rest)
{
    const char *path = getenv("CLAUDE_PATH");
    size_t n = 0;
    while (rest[n])
        n++;
    char **argv = mem_need((n + 2) * sizeof(*argv));
    char name[4096];
    snprintf(name, sizeof(name), "%s", path && *path ? path : "claude");
    argv[0] = name;
    memcpy(argv + 1, rest, n * sizeof(*argv));
    execvp(name, argv);
    fprintf(stderr,
            "weir: cannot start %s: %s\nInstall it with `npm install -g "
            "@anthropic-ai/claude-code`, or set CLAUDE_PATH.\n",
            name, strerror(errno));
    mem_free(argv);
    return EXIT_FAILED;
}

static int run(const struct options *o)
{
    bool failed = false;
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    if (!is_running(s)) {
        int rc = daemon_start(o, s);
        if (rc != EXIT_DONE) {
            snapshot_unref(s);
            return rc;
        }
    }
    agent_env_each(s, AGENT_CLAUDE, set, &failed);
    snapshot_unref(s);
    if (failed) {
        fprintf(stderr, "weir: the environment for claude could not be set\n");
        return EXIT_FAILED;
    }
    return become_claude(o->rest);
}

const struct command command_code = {
    .name = "code",
    .args = "[--config FILE] [-- claude's own arguments]",
    .summary = "start Claude Code on this gateway (and the gateway, if none runs)",
    .help = "Example: weir code -- -p \"explain this repository\"\n"
            "claude is found on the PATH, or at $CLAUDE_PATH.",
    .run = run,
    .takes_rest = true,
};
