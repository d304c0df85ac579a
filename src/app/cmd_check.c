/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check - reads the configuration, says all that is wrong or not active yet, starts nothing. */
#include <stdio.h>

#include "app/config.h"
#include "app/models.h"
#include "app/pidfile.h"
#include "base/auto.h"
#include "conf/describe.h"

static int print_schema(void)
{
    AUTO(buf_fini) struct buf b = BUF_INIT(1u << 20);
    conf_write_schema(&b);
    fwrite(b.p, 1, buf_size(&b), stdout);
    return b.failed ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct options *o)
{
    if (o->schema)
        return print_schema();
    struct snapshot *s = config_load(o, false);
    struct catalogue *models = s ? models_need(s) : NULL;
    if (!models) {
        snapshot_unref(s);
        return EXIT_USAGE;
    }
    catalogue_unref(models);
    AUTO(buf_fini) struct buf b = BUF_INIT(1u << 20);
    conf_write_summary(s, &b);
    fwrite(b.p, 1, buf_size(&b), stdout);
    pid_t pid = pidfile_read(s);
    if (pid)
        fprintf(stderr,
                "weir runs (pid %d): a change of the file is in force at once, but for listen, "
                "workers and log.access, which take a restart\n",
                (int)pid);
    snapshot_unref(s);
    return EXIT_DONE;
}

const struct command command_check = {
    .name = "check",
    .args = "[--config FILE] [--schema]",
    .summary = "check the configuration; every fault with its line and the mend",
    .help =
        "Exit 0: it can be served. Exit 2: it cannot; each fault is printed as file:line:column.\n"
        "What is understood but not active in this release is printed as a warning.\n\n"
        "  --schema        print the JSON Schema of the file",
    .run = run,
};
