/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check - reads the configuration, says all that is wrong or not active yet, starts nothing. */
#include <stdio.h>

#include "app/config.h"
#include "base/auto.h"
#include "conf/schema.h"

static int print_schema(void)
{
    AUTO(buf_fini) struct buf b = BUF_INIT(1u << 20);
    conf_schema_write(&b);
    fwrite(b.p, 1, buf_size(&b), stdout);
    return b.failed ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct options *o)
{
    if (o->schema)
        return print_schema();
    struct snapshot *s = config_load(o, false);
    if (!s)
        return EXIT_USAGE;
    uint32_t on = 0;
    for (uint32_t i = 0; i < s->nproviders; i++)
        on += s->providers[i].enabled;
    if (s->file.n)
        printf(STR_FMT ": ok: ", STR_ARG(s->file));
    else
        printf("no configuration file: ok: ");
    printf("%u provider%s, %u model%s, %u key%s\n", on, on == 1 ? "" : "s", s->nmodels,
           s->nmodels == 1 ? "" : "s", s->nkeys, s->nkeys == 1 ? "" : "s");
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
