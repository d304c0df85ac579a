/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_simulate - what a configuration would do under a scenario, beside others: the real router in
 * a made-up world (sim/sim.h). Nothing is sent, and no gateway need run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/models.h"
#include "app/simulate_table.h"
#include "base/auto.h"
#include "base/mem.h"
#include "base/num.h"
#include "gate/pricing.h"

#define CONFIGS_MAX    8
#define SCENARIOS_MAX  16
#define STRATEGIES_MAX (CONF_STRATEGY_COUNT + 1) /* and the oracle */
#define RUNS_MAX       (SCENARIOS_MAX * CONFIGS_MAX * STRATEGIES_MAX)
#define LOG_MAX        (512u << 20)
#define TEXT_MAX       (1u << 20)

/* A configuration, and what its calls cost. */
struct world_conf {
    const char *name;
    struct snapshot *snap;
    struct catalogue *models;
    struct pricing prices;
    struct arena arena; /* of models that are not remembered */
    uint64_t unix_ms;
};

/* One way to choose, instead of the configuration's own. */
struct way {
    const char *name; /* NULL: its own */
    enum conf_strategy strategy;
    bool oracle;
};

struct job {
    struct options options;
    const char *configs[CONFIGS_MAX], *scenarios[SCENARIOS_MAX];
    const char *replay, *script;
    size_t nconfigs, nscenarios;
    struct way ways[STRATEGIES_MAX];
    size_t nways;
    uint64_t seed;
    bool seeded;
    const char *label; /* for the progress */
    bool shows;
};

/* ---- the words */

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "weir simulate: %s %s; see `weir simulate --help`\n", what, word);
    return -1;
}

static int add_ways(struct job *j, const char *list)
{
    static const char *const names[CONF_STRATEGY_COUNT] = {
#define STRATEGY(id, name, active, help) [CONF_STRATEGY_##id] = name,
#include "conf/strategies.def"
#undef STRATEGY
    };
    str rest = str_c(list);
    while (rest.n) {
        const str word = str_cut(&rest, ',');
        struct way way = {.oracle = str_eq(word, STR("oracle")), .name = "oracle"};
        bool known = way.oracle;
        for (int i = 0; i < CONF_STRATEGY_COUNT && !known; i++)
            if (str_eq(word, str_c(names[i])))
                way = (struct way){names[i], (enum conf_strategy)i, false}, known = true;
        if (!known || j->nways == STRATEGIES_MAX)
            return wrong("no such strategy in", list);
        j->ways[j->nways++] = way;
    }
    return 2;
}

static int add(const char **list, size_t *n, size_t most, const char *word)
{
    if (*n == most)
        return wrong("too many: ", word);
    list[(*n)++] = word;
    return 2;
}

static int take(struct job *j, char **argv)
{
    const char *o = argv[0], *v = argv[1];
    static const char *const with_value[] = {"--config", "--scenario", "--replay",
                                             "--script", "--strategy", "--seed"};
    for (size_t i = 0; i < ARRAY_LEN(with_value); i++)
        if (strcmp(o, with_value[i]) == 0 && !v)
            return wrong("a value is missing after", o);
    if (strcmp(o, "--config") == 0)
        return add(j->configs, &j->nconfigs, CONFIGS_MAX, v);
    if (strcmp(o, "--scenario") == 0)
        return add(j->scenarios, &j->nscenarios, SCENARIOS_MAX, v);
    if (strcmp(o, "--strategy") == 0)
        return add_ways(j, v);
    if (strcmp(o, "--replay") == 0) {
        j->replay = v;
        return 2;
    }
    if (strcmp(o, "--script") == 0) {
        j->script = v;
        return 2;
    }
    if (strcmp(o, "--seed") == 0) {
        j->seeded = num_u64(str_c(v), &j->seed) == RC_OK;
        return j->seeded ? 2 : wrong("not a number:", v);
    }
    const int n = options_take(&j->options, argv);
    return n > 0 ? n : wrong(n < 0 ? "a value is missing after" : "unknown option", o);
}

/* ---- configurations */

/* Where nothing is configured: the demo stands at no address, so all calls of a simulation would
 * fail there. These are the four targets of docs/routing.md, so that its figures are repeated. */
#define BUILT_IN(name, region)                                      \
    "  - { name: " name ", dialect: openai, baseURL: 'http://" name \
    ".invalid/v1', region: " region                                 \
    ", models: [ { name: m, price: { input: 1, output: 10, cacheRead: 0.1 } } ] }\n"
static const char built_in[] = "providers:\n" BUILT_IN("a", "x") BUILT_IN("b", "x")
    BUILT_IN("c", "y") BUILT_IN("d", "y") "models: [ { name: m, targets: [ { use: a/m }, { use: "
                                          "b/m }, { use: c/m }, { use: d/m } ] } ]\n";

static bool take_built_in(struct world_conf *w, const struct job *j)
{
    if (j->replay) {
        fprintf(stderr, "weir simulate: no provider is configured that recorded calls could go to: "
                        "name a file with --config\n");
        return false;
    }
    fprintf(stderr, "No provider is configured: four made-up ones stand in, of one price, in two "
                    "regions; --config names a file.\n");
    snapshot_unref(w->snap);
    w->snap = config_load_built_in(built_in);
    w->name = "four targets";
    return w->snap;
}

static bool load(struct world_conf *w, const struct job *j, const char *path)
{
    struct options o = j->options;
    o.config = path;
    arena_init(&w->arena, 64u << 20);
    w->snap = config_load(&o, true);
    w->name = path ? path : "the configuration";
    if (w->snap && w->snap->demo && !take_built_in(w, j))
        return false;
    w->models = w->snap ? models_need(w->snap) : NULL;
    w->unix_ms = 0;
    return w->models &&
           pricing_init(&w->prices, w->models, w->snap, (struct hash_key){1, 2}) == RC_OK;
}

static void unload(struct world_conf *w)
{
    pricing_fini(&w->prices);
    catalogue_unref(w->models);
    snapshot_unref(w->snap);
    arena_fini(&w->arena);
}

static double charge(struct world_conf *w, const struct conf_provider *p, str model, double fresh,
                     double cached, double output)
{
    const struct usage u = {.input_uncached = (uint64_t)fresh,
                            .cache_read = (uint64_t)cached,
                            .output = (uint64_t)output,
                            .has = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT};
    const struct known *k = pricing_find(&w->prices, p->index, model, &w->arena);
    const struct charge c = pricing_charge(&w->prices, p->index, k, &u, w->unix_ms);
    return c.source == PRICE_BY_NOBODY || c.cost.missing ? -1 : (double)c.cost.usd;
}

/* What is read from the cache costs as much as the rest where no other price is known. */
static double usd_of(void *arg, const struct conf_provider *p, str model, const struct sim_usage *u)
{
    struct world_conf *w = ((void **)arg)[0];
    const double usd = charge(w, p, model, u->prompt - u->cached, u->cached, u->output);
    return usd < 0 && u->cached > 0 ? charge(w, p, model, u->prompt, 0, u->output) : usd;
}

/* ---- scenarios */

static bool read_file(const char *path, size_t most, struct buf *to)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char piece[65536];
    size_t n;
    if (!f)
        return false;
    to->max = most;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(to, str_of(piece, n));
    if (f != stdin)
        fclose(f);
    return !to->failed;
}

static void list_builtins(void)
{
    fprintf(stderr, "Those that weir has:");
    str name;
    for (size_t i = 0; (name = sim_builtin_name(i)).n; i++)
        fprintf(stderr, " " STR_FMT, STR_ARG(name));
    fprintf(stderr, "; or name a file.\n");
}

static bool read_scenario(struct arena *a, const char *name, struct sim_scenario *ret)
{
    AUTO(conf_report_fini) struct conf_report report;
    AUTO(buf_fini) struct buf file = BUF_INIT(TEXT_MAX);
    AUTO(buf_fini) struct buf said = BUF_INIT(TEXT_MAX);
    str text = sim_builtin(str_c(name));
    conf_report_init(&report);
    report.file = str_c(name);
    if (!text.n && !read_file(name, TEXT_MAX, &file)) {
        fprintf(stderr, "weir simulate: there is no scenario %s, and no file of that name.\n",
                name);
        list_builtins();
        return false;
    }
    if (sim_scenario_read(a, text.n ? text : buf_str(&file), &report, ret) == RC_OK)
        return true;
    conf_report_write(&report, &said);
    fwrite(said.p, 1, buf_size(&said), stderr);
    return false;
}

/* What would have been, had this befallen those calls. */
static bool add_script(struct arena *a, const char *name, struct sim_scenario *to)
{
    struct sim_scenario *script = arena_zalloc(a, sizeof(*script));
    if (!script || !read_scenario(a, name, script))
        return false;
    if (!sim_script(to, script))
        fprintf(stderr,
                "weir simulate: the log and %s have more than %d events; the last ones are "
                "left out\n",
                name, SIM_EVENTS_MAX);
    return true;
}

static bool read_replay(struct arena *a, const char *path, struct sim_scenario *ret)
{
    AUTO(buf_fini) struct buf log = BUF_INIT(LOG_MAX);
    uint32_t skipped = 0;
    if (!read_file(path, LOG_MAX, &log)) {
        fprintf(stderr, "weir simulate: cannot read %s (512 MiB at most)\n", path);
        return false;
    }
    if (sim_replay_read(a, buf_str(&log), ret, &skipped) != RC_OK) {
        fprintf(stderr, "weir simulate: no call is recorded in %s; it wants weir's access log\n",
                path);
        return false;
    }
    if (skipped)
        fprintf(stderr, "%u lines are no calls, and were passed over\n", skipped);
    ret->about = arena_strf(a, "%s", path);
    return true;
}

/* ---- running */

static void on_progress(void *arg, msec now, msec end)
{
    const struct job *j = ((void **)arg)[1];
    if (j->shows)
        fprintf(stderr, "\r%-60.60s %3.0f %%", j->label,
                now < end ? 100.0 * (double)now / (double)end : 100.0);
}

static bool run_one(struct job *j, struct world_conf *w, const struct sim_scenario *s,
                    const struct way *way, struct simulated *to)
{
    char label[128];
    void *both[2] = {w, j};
    const struct sim_setup setup = {.snap = w->snap,
                                    .scenario = s,
                                    .force = way->name && !way->oracle,
                                    .strategy = way->strategy,
                                    .oracle = way->oracle,
                                    .usd = usd_of,
                                    .progress = on_progress,
                                    .arg = both};
    snprintf(label, sizeof(label), STR_FMT ", %.40s %.30s", STR_ARG(str_head(s->name, 40)), w->name,
             way->name ? way->name : "");
    j->label = label;
    *to = (struct simulated){.scenario = s, .config = w->name, .strategy = way->name};
    const enum rc rc = sim_run(&setup, &to->result);
    if (j->shows)
        fprintf(stderr, "\r%-70s\r", "");
    if (rc != RC_OK)
        fprintf(stderr, "weir simulate: %s: %s\n", w->name,
                rc == RC_CONFIG ? "it names no target: give it a model, or a provider with `models`"
                                : "out of memory");
    return rc == RC_OK;
}

/* All ways under all configurations, for one scenario. */
static size_t run_scenario(struct job *j, struct world_conf *confs, const struct sim_scenario *s,
                           struct simulated *to)
{
    size_t n = 0;
    for (size_t i = 0; i < j->nconfigs; i++)
        for (size_t k = 0; k < j->nways; k++) {
            if (!run_one(j, &confs[i], s, &j->ways[k], &to[n]))
                return 0;
            n++;
        }
    return n;
}

static int run_all(struct job *j, struct world_conf *confs, const struct sim_scenario *scenarios,
                   size_t nscenarios)
{
    struct simulated *runs = mem_need(RUNS_MAX * sizeof(*runs));
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < nscenarios && ok; i++) {
        const size_t more = run_scenario(j, confs, &scenarios[i], &runs[n]);
        ok = more > 0;
        if (ok && !j->options.json) {
            printf("%s", i ? "\n" : "");
            simulate_print(&runs[n], more);
        }
        n += more;
    }
    if (ok && j->options.json) {
        AUTO(buf_fini) struct buf b = BUF_INIT(64u << 20);
        simulate_write_json(runs, n, &b);
        printf(STR_FMT "\n", STR_ARG(buf_str(&b)));
    }
    for (size_t i = 0; i < n; i++)
        sim_result_fini(&runs[i].result);
    mem_free(runs);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int simulate(struct job *j, struct arena *a)
{
    struct sim_scenario *scenarios = arena_zalloc(a, (SCENARIOS_MAX + 1) * sizeof(*scenarios));
    struct world_conf confs[CONFIGS_MAX] = {0};
    size_t n = 0;
    if (!scenarios)
        return EXIT_FAILED;
    for (size_t i = 0; i < j->nscenarios; i++)
        if (!read_scenario(a, j->scenarios[i], &scenarios[n++]))
            return EXIT_USAGE;
    if (j->replay && !read_replay(a, j->replay, &scenarios[n++]))
        return EXIT_USAGE;
    if (j->replay && j->script && !add_script(a, j->script, &scenarios[n - 1]))
        return EXIT_USAGE;
    for (size_t i = 0; j->seeded && i < n; i++)
        scenarios[i].seed = j->seed;
    bool ok = true;
    size_t loaded = 0;
    for (; ok && loaded < j->nconfigs; loaded++)
        ok = load(&confs[loaded], j, j->configs[loaded]);
    const int status = ok ? run_all(j, confs, scenarios, n) : EXIT_USAGE;
    for (size_t i = 0; i < loaded; i++)
        unload(&confs[i]);
    return status;
}

static int run(const struct options *given)
{
    struct job j = {.options = *given, .shows = isatty(STDERR_FILENO)};
    AUTO(arena_fini) struct arena a;
    arena_init(&a, 1u << 30);
    for (char **argv = j.options.rest; *argv;) {
        const int n = take(&j, argv);
        if (n < 0)
            return EXIT_USAGE;
        argv += n;
    }
    str name;
    if (j.nscenarios == 1 && strcmp(j.scenarios[0], "all") == 0)
        for (j.nscenarios = 0; (name = sim_builtin_name(j.nscenarios)).n;)
            j.scenarios[j.nscenarios++] = name.p; /* literals */
    if (!j.nscenarios && !j.replay)
        j.scenarios[j.nscenarios++] = "steady";
    if (!j.nconfigs)
        j.configs[j.nconfigs++] = NULL;
    if (!j.nways)
        j.ways[j.nways++] = (struct way){.name = NULL};
    return simulate(&j, &a);
}

const struct command command_simulate = {
    .name = "simulate",
    .args = "[--config FILE]… [--scenario NAME|FILE]… [--replay ACCESS.LOG [--script NAME|FILE]] "
            "[--strategy A,B] [--json]",
    .summary = "what a configuration does under a scenario, beside others; nothing is sent",
    .help =
        "The real router chooses among made-up providers under a made-up clock. Each configuration "
        "is a line,\nso that two can be compared; the same seed gives the same figures.\n\n"
        "  --config FILE     may be given more than once; where nothing is configured, four "
        "made-up "
        "targets\n                    stand in\n"
        "  --scenario NAME   one that weir has, or a file (docs/routing.md): steady slow-provider "
        "error-burst\n                    brownout fast-with-errors rate-limit-storm "
        "regional-outage price-change flash-crowd\n                    cache-heavy; all\n"
        "  --replay LOG      recorded calls: weir's own access log, - for stdin\n"
        "  --script NAME     … and what befalls the targets meanwhile: the events of a scenario\n"
        "  --strategy A,B    instead of the configuration's, one line each; `oracle` knows the "
        "truth\n"
        "  --seed N          other dice\n"
        "  --json            all figures, and calls over time\n",
    .run = run,
    .takes_rest = true,
    .own_options = true,
};
