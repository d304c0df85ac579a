/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version - prints the version. */
#include <stdio.h>

#include "app/command.h"

static int run(const struct options *o)
{
    (void)o;
    printf("weir %s\n", WEIR_VERSION);
    return EXIT_DONE;
}

const struct command command_version = {
    .name = "version", .args = "", .summary = "print the version", .help = "", .run = run};
