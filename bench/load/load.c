/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - put a load on a gateway or proxy and print what came of it as one JSON object.
 *
 * One thread, one epoll loop, one prepared request: the program must cost much less than what it
 * measures (it prints its own CPU time beside). What is measured, and how, is in engine.h; how
 * answers are judged in answer.h; this file is options and report.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "shape.h"
#include "sock.h"
#include "tool.h"

#define KEY_DEFAULT      "bench-key-0123456789abcdef"
#define CONNS_PER_SOURCE 8000u
#define CONNS_MAX        19900u
#define SIZE_MAX_BYTES   (32u << 20)
#define TIMEOUT_DEFAULT  (30 * NS_PER_SEC)

/* What the options say, before it is made into load_options. */
struct command {
    struct load_options o;
    const char *to, *path, *model, *key;
    struct text headers;
    uint64_t size;
    bool dump;
};

static void usage(void)
{
    puts("usage: load --to [ADDRESS:]PORT [option]...\n"
         "\n"
         "what is asked\n"
         "  --dialect openai|anthropic|responses   language of the request (openai)\n"
         "  --model NAME                 bench-json, bench-burst-100, bench-paced-100-20ms, ...\n"
         "                               (upstream --help), with or without \"provider/\" before "
         "it\n"
         "  --size BYTES                 size of the body: 1k, 100k, 1m (1k)\n"
         "  --stream                     ask for a stream\n"
         "  --path PATH                  instead of the dialect's own under /v1\n"
         "  --key KEY                    sent as the dialect does\n"
         "  --header 'NAME: VALUE'       one more header; repeatable\n"
         "  --dump                       print the request and end\n"
         "how much\n"
         "  --conns N                    connections (64)\n"
         "  --seconds S | --calls N      length of the measured window (5 seconds)\n"
         "  --warmup S                   load before it, not counted (0.5)\n"
         "  --rate N                     open loop: N calls a second, latency from the time due\n"
         "  --hold                       open --conns endless streams, then watch --seconds\n"
         "  --idle                       one call on each of --conns connections, then silence\n"
         "  --expect-events N            a stream with another number of content events is an "
         "error\n"
         "  --timeout S                  give a silent call up (30)\n"
         "what is read\n"
         "  --pid PID                    CPU and memory of this process and its children; "
         "repeatable\n"
         "  --upstream-pid PID           CPU of the mock\n"
         "  --progress S                 every S seconds a line on stderr: calls, errors, memory\n"
         "\n"
         "Exit 0: no call failed. 1: some did. 2: wrong use.");
}

static pid_t option_pid(const char *option, const char *value)
{
    return (pid_t)option_count(option, value);
}

static void add_pid(pid_t *list, size_t *n, pid_t pid)
{
    if (*n == PROC_MAX)
        die("too many processes");
    list[(*n)++] = pid;
}

static bool read_flag(struct command *c, const char *name)
{
    if (strcmp(name, "--stream") == 0)
        c->o.rules.stream = true;
    else if (strcmp(name, "--hold") == 0)
        c->o.mode = LOAD_HOLD;
    else if (strcmp(name, "--idle") == 0)
        c->o.mode = LOAD_IDLE;
    else if (strcmp(name, "--dump") == 0)
        c->dump = true;
    else
        return false;
    return true;
}

static bool read_request_option(struct command *c, const char *name, const char *v)
{
    if (strcmp(name, "--to") == 0)
        c->to = v;
    else if (strcmp(name, "--path") == 0)
        c->path = v;
    else if (strcmp(name, "--model") == 0)
        c->model = v;
    else if (strcmp(name, "--key") == 0)
        c->key = v;
    else if (strcmp(name, "--header") == 0)
        text_printf(&c->headers, "%s\r\n", v);
    else if (strcmp(name, "--size") == 0)
        c->size = option_count(name, v);
    else if (strcmp(name, "--dialect") == 0 && strcmp(v, "openai") == 0)
        c->o.rules.dialect = DIALECT_OPENAI;
    else if (strcmp(name, "--dialect") == 0 && strcmp(v, "anthropic") == 0)
        c->o.rules.dialect = DIALECT_ANTHROPIC;
    else if (strcmp(name, "--dialect") == 0 && strcmp(v, "responses") == 0)
        c->o.rules.dialect = DIALECT_RESPONSES;
    else
        return false;
    return true;
}

static bool read_load_option(struct command *c, const char *name, const char *v)
{
    struct load_options *o = &c->o;
    if (strcmp(name, "--conns") == 0)
        o->conns = (unsigned)option_count(name, v);
    else if (strcmp(name, "--seconds") == 0)
        o->window_ns = option_seconds(name, v);
    else if (strcmp(name, "--calls") == 0)
        o->calls = option_count(name, v);
    else if (strcmp(name, "--warmup") == 0)
        o->warmup_ns = option_seconds(name, v);
    else if (strcmp(name, "--rate") == 0)
        o->rate = option_count(name, v);
    else if (strcmp(name, "--expect-events") == 0)
        o->rules.expect_events = (unsigned)option_count(name, v);
    else if (strcmp(name, "--timeout") == 0)
        o->timeout_ns = option_seconds(name, v);
    else if (strcmp(name, "--progress") == 0)
        o->progress_ns = option_seconds(name, v);
    else if (strcmp(name, "--pid") == 0)
        add_pid(o->pids, &o->pid_count, option_pid(name, v));
    else if (strcmp(name, "--upstream-pid") == 0)
        add_pid(o->upstream_pids, &o->upstream_pid_count, option_pid(name, v));
    else
        return false;
    return true;
}

static void read_options(struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage();
            exit(0);
        }
        if (read_flag(c, argv[i]))
            continue;
        if (i + 1 >= argc)
            die("%s: an unknown option, or its value is missing (see --help)", argv[i]);
        if (!read_request_option(c, argv[i], argv[i + 1]) &&
            !read_load_option(c, argv[i], argv[i + 1]))
            die("%s %s: not understood (see --help)", argv[i], argv[i + 1]);
        i++;
    }
    if (!c->to && !c->dump)
        die("--to is needed (see --help)");
    if (c->o.conns < 1 || c->o.conns > CONNS_MAX)
        die("--conns: 1 to %u", CONNS_MAX);
    if (c->size > SIZE_MAX_BYTES)
        die("--size: at most %u", SIZE_MAX_BYTES);
    if (c->o.mode != LOAD_CALLS && (c->o.rate || c->o.calls))
        die("--hold and --idle go by --seconds");
}

/* The request as the dialect's SDK sends it. */
static void make_request(struct command *c)
{
    struct text body = {0}, *r = &c->o.request;
    static const char *const paths[] = {[DIALECT_OPENAI] = "/v1/chat/completions",
                                        [DIALECT_ANTHROPIC] = "/v1/messages",
                                        [DIALECT_RESPONSES] = "/v1/responses"};
    bool openai = c->o.rules.dialect != DIALECT_ANTHROPIC;
    const char *path = c->path ? c->path : paths[c->o.rules.dialect];
    prompt_add(&body, c->o.rules.dialect, c->model, c->o.rules.stream, (size_t)c->size);
    text_printf(r,
                "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n"
                "Accept: application/json\r\nContent-Type: application/json\r\n"
                "X-Stainless-Lang: js\r\nX-Stainless-Runtime: node\r\n"
                "X-Stainless-Retry-Count: 0\r\nX-Stainless-Timeout: 600\r\n",
                path, c->to ? c->to : "localhost",
                openai ? "OpenAI/JS 6.2.0" : "Anthropic/JS 0.94.0");
    if (openai)
        text_printf(r, "Authorization: Bearer %s\r\n", c->key);
    else
        text_printf(r, "x-api-key: %s\r\nanthropic-version: 2023-06-01\r\n", c->key);
    if (c->headers.len)
        text_add(r, c->headers.at, c->headers.len);
    text_printf(r, "Content-Length: %zu\r\n\r\n", body.len);
    text_add(r, body.at, body.len);
}

static void print_hist(const char *name, const struct hist *h)
{
    printf(",\"%s\":", name);
    if (h->n == 0) {
        printf("null");
        return;
    }
    printf("{\"n\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f}",
           (unsigned long long)h->n, (double)h->sum / (double)h->n / 1e3,
           (double)hist_quantile(h, 0.5) / 1e3, (double)hist_quantile(h, 0.9) / 1e3,
           (double)hist_quantile(h, 0.99) / 1e3, (double)hist_quantile(h, 0.999) / 1e3,
           (double)h->max / 1e3);
}

/* A text of an error body inside JSON: what would need an escape is dropped. */
static void print_plain(const char *s)
{
    for (; *s; s++)
        if (*s >= ' ' && *s != '"' && *s != '\\' && (unsigned char)*s < 0x7f)
            putchar(*s);
}

static void print_faults(const struct load_figures *f)
{
    const char *comma = "";
    printf(",\"errors\":%llu,\"faults\":{", (unsigned long long)f->errors);
    for (unsigned i = FAULT_NONE + 1; i < FAULTS; i++) {
        if (f->faults[i] == 0)
            continue;
        printf("%s\"%s\":%llu", comma, answer_fault_names[i], (unsigned long long)f->faults[i]);
        comma = ",";
    }
    printf("},\"first_error\":\"");
    print_plain(f->first_error);
    printf("\"");
}

static void print_cpu(const char *name, uint64_t ns, const struct load_figures *f)
{
    printf(",\"%s\":{\"seconds\":%.4f,\"us_per_call\":%.3f,\"us_per_event\":%.4f}", name,
           (double)ns / 1e9, f->calls ? (double)ns / 1e3 / (double)f->calls : 0.0,
           f->events ? (double)ns / 1e3 / (double)f->events : 0.0);
}

static void print_figures(const struct load_options *o, const struct load_figures *f)
{
    double seconds = (double)f->window_ns / 1e9;
    printf("{\"seconds\":%.3f,\"conns\":%u,\"calls\":%llu,\"events\":%llu,\"reconnects\":%llu",
           seconds, o->conns, (unsigned long long)f->calls, (unsigned long long)f->events,
           (unsigned long long)f->reconnects);
    printf(",\"calls_per_s\":%.1f,\"events_per_s\":%.1f", (double)f->calls / seconds,
           (double)f->events / seconds);
    if (o->mode != LOAD_CALLS)
        printf(",\"ready\":%llu", (unsigned long long)f->ready);
    print_faults(f);
    print_hist("latency_us", &f->latency);
    print_hist("first_event_us", &f->first);
    print_hist("event_us", &f->event);
    if (o->pid_count) {
        print_cpu("cpu", f->cpu_ns, f);
        printf(",\"memory\":{\"rss_kb_before\":%llu,\"rss_kb\":%llu,\"pss_kb_before\":%llu,"
               "\"pss_kb\":%llu,\"fds\":%llu,\"pss_bytes_per_conn\":%.1f}",
               (unsigned long long)f->before.rss_kb, (unsigned long long)f->after.rss_kb,
               (unsigned long long)f->before.pss_kb, (unsigned long long)f->after.pss_kb,
               (unsigned long long)f->after.fds,
               ((double)f->after.pss_kb - (double)f->before.pss_kb) * 1024 / o->conns);
    }
    if (o->upstream_pid_count)
        print_cpu("upstream_cpu", f->upstream_cpu_ns, f);
    print_cpu("own_cpu", f->own_cpu_ns, f);
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct command c = {
        .path = NULL,
        .model = "bench-json",
        .key = KEY_DEFAULT,
        .size = 1000,
        .o = {.conns = 64, .warmup_ns = NS_PER_SEC / 2, .timeout_ns = TIMEOUT_DEFAULT},
    };
    read_options(&c, argc, argv);
    make_request(&c);
    if (c.dump) {
        fwrite(c.o.request.at, 1, c.o.request.len, stdout);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();

    struct load_options *o = &c.o;
    struct shape shape;
    shape_parse(c.model, strlen(c.model), &shape);
    o->to = sock_address(c.to);
    o->sources = (o->conns + CONNS_PER_SOURCE - 1) / CONNS_PER_SOURCE;
    o->rules.timed = o->rules.stream && shape_is_timed(&shape);
    if (o->window_ns == 0 && o->calls == 0)
        o->window_ns = 5 * NS_PER_SEC;

    struct load_figures *f = xalloc(sizeof *f);
    load_run(o, f);
    print_figures(o, f);
    return f->errors ? 1 : 0;
}
