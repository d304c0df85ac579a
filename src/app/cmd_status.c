/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status - is it running, where, how are its providers, and which alerts fire. */
#include <stdio.h>

#include "app/ask.h"
#include "app/config.h"
#include "app/pidfile.h"
#include "base/auto.h"
#include "json/json.h"

static void print_provider(str name, jval p)
{
    uint64_t p50 = 0, requests = 0, errors = 0, flight = 0;
    bool known = json_u64(json_get_lit(p, "p50_ms"), &p50) == RC_OK &&
                 json_u64(json_get_lit(p, "requests"), &requests) == RC_OK &&
                 json_u64(json_get_lit(p, "errors"), &errors) == RC_OK &&
                 json_u64(json_get_lit(p, "in_flight"), &flight) == RC_OK;
    printf("  %-20.*s " STR_FMT, STR_ARG(name), STR_ARG(json_raw(json_get_lit(p, "status"))));
    if (known)
        printf("  %llu calls, %llu failed, %llu in flight, median %llu ms",
               (unsigned long long)requests, (unsigned long long)errors, (unsigned long long)flight,
               (unsigned long long)p50);
    if (json_str_is(json_get_lit(p, "circuit"), STR("open")))
        printf("; its breaker is open");
    printf("\n");
}

/* "out of the plans: 1 open, 2 cooling". Each worker counts those that it leaves out itself. */
static void print_out(jval out)
{
    struct json_iter it = json_iter(out);
    const char *before = "out of the plans, of all workers: ";
    bool some = false;
    while (json_next(&it)) {
        uint64_t n = 0;
        if (json_u64(it.val, &n) != RC_OK || !n)
            continue;
        printf("%s%llu " STR_FMT, some ? ", " : before, (unsigned long long)n,
               STR_ARG(json_raw(it.key)));
        some = true;
    }
    if (some)
        printf("\n");
}

static void print_health(str body)
{
    AUTO(arena_fini) struct arena a;
    struct json_doc doc;
    arena_init(&a, 8u << 20);
    if (json_parse(&a, body, &doc, NULL) != RC_OK)
        return;
    jval root = json_root(&doc);
    struct json_iter it = json_iter(json_get_lit(root, "providers"));
    if (!json_has(json_get_lit(root, "status")))
        return; /* a refusal */
    printf("health: " STR_FMT "\n", STR_ARG(json_raw(json_get_lit(root, "status"))));
    while (json_next(&it))
        print_provider(json_raw(it.key), it.val);
    print_out(json_get_lit(root, "out"));
}

/* "alert error_rate of provider openai: firing since 2026-01-02T03:04:05Z" */
static void print_alert(jval a)
{
    const str scope = json_raw(json_get_lit(a, "scope")),
              state = json_raw(json_get_lit(a, "state"));
    const jval why = json_get_lit(a, "why");
    if (str_eq(state, STR("ok")))
        return;
    printf("alert " STR_FMT, STR_ARG(json_raw(json_get_lit(a, "name"))));
    if (json_has(json_get(a, scope)))
        printf(" of " STR_FMT " " STR_FMT, STR_ARG(scope), STR_ARG(json_raw(json_get(a, scope))));
    printf(": " STR_FMT " since " STR_FMT, STR_ARG(state),
           STR_ARG(json_raw(json_get_lit(a, "since"))));
    if (json_has(why))
        printf("; " STR_FMT, STR_ARG(json_raw(why)));
    printf("\n");
}

/* What fires, or is about to. Who may not see it is told nothing: /health was enough. */
static void print_alerts(const struct snapshot *s)
{
    AUTO(buf_fini) struct buf body = BUF_INIT(8u << 20);
    AUTO(arena_fini) struct arena a;
    struct json_doc doc;
    arena_init(&a, 32u << 20);
    if (ask_gateway(s, "/api/v1/alerts", &body) != RC_OK ||
        json_parse(&a, buf_str(&body), &doc, NULL) != RC_OK)
        return;
    struct json_iter it = json_iter(json_get_lit(json_root(&doc), "data"));
    while (json_next(&it))
        print_alert(it.val);
}

static int run(const struct options *o)
{
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    AUTO(buf_fini) struct buf url = BUF_INIT(512);
    AUTO(buf_fini) struct buf body = BUF_INIT(4u << 20);
    config_base_url(s, &url);
    pid_t pid = pidfile_read(s);
    enum rc rc = ask_gateway(s, "/health", &body);
    /* A gateway that can't serve answers with 503, and with what it is that one wants to see then.
     */
    const bool up = rc == RC_OK || (rc == RC_PROTOCOL && pid);
    if (o->json && up) {
        fwrite(body.p + body.off, 1, buf_size(&body), stdout);
    } else if (up) {
        printf("weir runs on " STR_FMT, STR_ARG(buf_str(&url)));
        printf(pid ? " (pid %d)\n" : "\n", (int)pid);
        print_health(buf_str(&body));
        print_alerts(s);
    } else {
        printf("weir does not run on " STR_FMT "; `weir serve` starts it\n",
               STR_ARG(buf_str(&url)));
    }
    snapshot_unref(s);
    return up ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_status = {
    .name = "status",
    .args = "[--config FILE] [--json]",
    .summary = "is it running, and how are its providers",
    .help = "Exit 0: it runs. Exit 1: it does not. Alerts that fire are listed. The details are "
            "shown with the `admin` key of the "
            "configuration; without one, where `keys` are configured, with $WEIR_API_KEY.\n\n"
            "  --json          the answer of /health as it is",
    .run = run,
};
