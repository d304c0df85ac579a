/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_explain - where a request would go, and why. The running gateway is asked, for it knows how
 * its targets do; where none runs, one is made of the configuration for as long as the answer
 * takes.
 */
#include <stdio.h>
#include <string.h>

#include "app/ask.h"
#include "app/config.h"
#include "app/explain_table.h"
#include "app/models.h"
#include "app/offline.h"
#include "base/auto.h"
#include "ir/error.h"
#include "json/write.h"

#define FILE_MAX_BYTES (64u << 20)
#define ID_CHARS       "req_0123456789abcdef"

/* Options that become members of the question: those with a value as what, those without as true.
 */
static const struct {
    const char *option, *member;
    enum { TRUTH, TEXT, NUMBER } kind;
} rows[] = {
    {"--model", "model", TEXT},
    {"--front", "front", TEXT},
    {"--path", "path", TEXT},
    {"--key", "key", TEXT},
    {"--tokens", "tokens", NUMBER},
    {"--max-tokens", "max_tokens", NUMBER},
    {"--tools", "tools", TRUTH},
    {"--image", "image", TRUTH},
    {"--documents", "documents", TRUTH},
    {"--web-search", "web_search", TRUTH},
    {"--thinking", "thinking", TRUTH},
    {"--structured", "structured", TRUTH},
    {"--stream", "stream", TRUTH},
};

struct question {
    struct buf members; /* ",\"model\":\"smart\"" … */
    struct buf headers; /* the same of the object "headers" */
    const char *file;   /* NULL: none; "-": stdin */
    const char *call;   /* id of a call that is over, instead of a request; or NULL */
};

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "weir explain: %s %s; see `weir explain --help`\n", what, word);
    return -1;
}

static void add_text(struct buf *b, str name, str value)
{
    buf_lit(b, ",\"");
    json_escape(b, name);
    buf_lit(b, "\":\"");
    json_escape(b, value);
    buf_lit(b, "\"");
}

/* 80000, 80k, 2M. */
static int add_number(struct buf *b, const char *member, const char *value)
{
    size_t n = strspn(value, "0123456789");
    const char *unit = value + n;
    const char *zeros = strcmp(unit, "k") == 0 || strcmp(unit, "K") == 0   ? "000"
                        : strcmp(unit, "m") == 0 || strcmp(unit, "M") == 0 ? "000000"
                        : *unit                                            ? NULL
                                                                           : "";
    if (n == 0 || n > 9 || !zeros)
        return wrong("not a number of tokens:", value);
    buf_addf(b, ",\"%s\":%.*s%s", member, (int)n, value, zeros);
    return 2;
}

static int add_header(struct buf *b, const char *text)
{
    str value = str_c(text);
    str name = str_cut(&value, ':');
    if (!value.p || !name.n)
        return wrong("a header is 'name: value', not", text);
    add_text(b, name, str_trim(value));
    return 2;
}

static int take_call(struct question *q, const char *id)
{
    if (!id || strspn(id, ID_CHARS) != strlen(id))
        return wrong("no call has that id:", id ? id : "");
    q->call = id;
    return 2;
}

/* One word or two; -1: said what is wrong. */
static int take(struct question *q, struct options *o, char **argv)
{
    int n = options_take(o, argv);
    if (n)
        return n > 0 ? n : wrong("a value is missing after", argv[0]);
    if (strcmp(argv[0], "--call") == 0)
        return take_call(q, argv[1]);
    if (strcmp(argv[0], "--header") == 0)
        return argv[1] ? add_header(&q->headers, argv[1])
                       : wrong("a value is missing after", argv[0]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(argv[0], rows[i].option) != 0)
            continue;
        if (rows[i].kind == TRUTH) {
            buf_addf(&q->members, ",\"%s\":true", rows[i].member);
            return 1;
        }
        if (!argv[1])
            return wrong("a value is missing after", argv[0]);
        if (rows[i].kind == NUMBER)
            return add_number(&q->members, rows[i].member, argv[1]);
        add_text(&q->members, str_c(rows[i].member), str_c(argv[1]));
        return 2;
    }
    if (argv[0][0] == '-' && argv[0][1])
        return wrong("unknown option", argv[0]);
    if (q->file)
        return wrong("one request at a time:", argv[0]);
    q->file = argv[0];
    return 1;
}

static bool read_file(const char *path, struct buf *to)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char piece[16384];
    size_t n;
    if (!f) {
        fprintf(stderr, "weir explain: cannot read %s\n", path);
        return false;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(to, str_of(piece, n));
    if (f != stdin)
        fclose(f);
    return !to->failed;
}

static bool write_question(const struct question *q, struct buf *to)
{
    AUTO(buf_fini) struct buf body = BUF_INIT(FILE_MAX_BYTES);
    str members = buf_str(&q->members), headers = buf_str(&q->headers);
    if (q->file && !read_file(q->file, &body))
        return false;
    buf_lit(to, "{\"headers\":{");
    buf_add(to, headers.n ? str_from(headers, 1) : headers);
    buf_lit(to, "}");
    buf_add(to, members);
    if (q->file) {
        buf_lit(to, ",\"body\":");
        buf_add(to, str_trim(buf_str(&body)));
    }
    buf_lit(to, "}");
    return !to->failed;
}

/* Where nothing runs: a gate of the configuration, which has seen no call. */
static enum rc ask_offline(struct snapshot *s, str question, struct buf *to)
{
    struct offline o = {0};
    struct fail f = {.kind = ERR_BAD_REQUEST};
    AUTO(arena_fini) struct arena a;
    arena_init(&a, 1u << 20);
    struct catalogue *models = models_need(s);
    enum rc rc = models ? offline_begin(&o, s, models) : RC_CONFIG;
    if (rc == RC_OK)
        rc = gate_explain(o.gate, question, STR(""), &a, to, &f);
    if (rc != RC_OK) {
        str why = fail_message(&f);
        fprintf(stderr, "weir explain: " STR_FMT "\n", STR_ARG(why));
    }
    offline_end(&o);
    catalogue_unref(models);
    return rc;
}

static void say_refusal(str body)
{
    AUTO(arena_fini) struct arena a;
    struct json_doc doc;
    arena_init(&a, 1u << 20);
    jval message = JVAL_NONE;
    if (json_parse(&a, body, &doc, NULL) == RC_OK)
        message = json_path(json_root(&doc), "error", "message", NULL);
    str text;
    if (json_str(message, &a, &text) != RC_OK)
        text = STR("what listens there is no weir, or an older one");
    fprintf(stderr, "weir explain: " STR_FMT "\n", STR_ARG(text));
}

/* The running one's answer, or its refusal on stderr; RC_CONNECT: none runs. */
static enum rc ask_running(const struct snapshot *s, str question, struct buf *to)
{
    enum rc rc = ask_gateway_json(s, "/api/v1/explain", question, to);
    if (rc == RC_PROTOCOL)
        say_refusal(buf_str(to));
    return rc;
}

static int explain(const struct options *o, const struct question *q)
{
    AUTO(buf_fini) struct buf question = BUF_INIT(FILE_MAX_BYTES + (1u << 20));
    AUTO(buf_fini) struct buf answer = BUF_INIT(16u << 20);
    if (!write_question(q, &question))
        return EXIT_USAGE;
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    enum rc rc = ask_running(s, buf_str(&question), &answer);
    if (rc == RC_CONNECT || rc == RC_UNSUPPORTED) {
        buf_clear(&answer);
        fprintf(stderr, rc == RC_CONNECT
                            ? "no weir runs there: this is the configuration alone, nothing is "
                              "known of how its targets do\n"
                            : "weir speaks TLS there and is not asked: this is the configuration "
                              "alone\n");
        rc = ask_offline(s, buf_str(&question), &answer);
    }
    snapshot_unref(s);
    if (rc != RC_OK)
        return EXIT_FAILED;
    if (o->json)
        printf(STR_FMT "\n", STR_ARG(str_trim(buf_str(&answer))));
    else if (!explain_print(buf_str(&answer)))
        return EXIT_FAILED;
    return EXIT_DONE;
}

/* A call that is over: only the gateway that served it knows. */
static int explain_past(const struct options *o, const char *id)
{
    AUTO(buf_fini) struct buf answer = BUF_INIT(1u << 20);
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/explain?call=%.64s", id);
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    enum rc rc = ask_gateway(s, path, &answer);
    snapshot_unref(s);
    if (rc == RC_PROTOCOL)
        say_refusal(buf_str(&answer));
    else if (rc != RC_OK)
        fprintf(stderr, "weir explain: no weir runs there that could remember the call\n");
    if (rc != RC_OK)
        return EXIT_FAILED;
    if (o->json)
        printf(STR_FMT "\n", STR_ARG(str_trim(buf_str(&answer))));
    else if (!explain_print(buf_str(&answer)))
        return EXIT_FAILED;
    return EXIT_DONE;
}

static void question_fini(struct question *q)
{
    buf_fini(&q->members);
    buf_fini(&q->headers);
}

static int run(const struct options *given)
{
    struct options o = *given;
    AUTO(question_fini)
    struct question q = {.members = BUF_INIT(64u << 10), .headers = BUF_INIT(64u << 10)};
    for (char **argv = o.rest; *argv;) {
        int n = take(&q, &o, argv);
        if (n < 0)
            return EXIT_USAGE;
        argv += n;
    }
    if (q.call)
        return explain_past(&o, q.call);
    if (!q.file && !buf_size(&q.members)) {
        wrong("name a request file, or", "--model");
        return EXIT_USAGE;
    }
    return explain(&o, &q);
}

const struct command command_explain = {
    .name = "explain",
    .args = "[REQUEST.json | -] [--model M] [--tokens N] [--tools] [--image] … [--json]",
    .summary = "where a request would go, and why; nothing is sent",
    .help =
        "REQUEST.json is a request's body as a client sends it, in any language spoken here; "
        "without\none a request is made up of --model and what follows. The running gateway is "
        "asked; where none\nruns, the configuration alone answers.\n\n"
        "  --model M       the model that is asked for\n"
        "  --tokens N      … with a prompt of so many tokens (80000, 80k)\n"
        "  --max-tokens N  … and an answer of at most so many\n"
        "  --tools --image --documents --web-search --thinking --structured --stream\n"
        "                  … that has or wants these\n"
        "  --front F       whose words: openai (if not said), responses, anthropic, gemini, "
        "bedrock\n"
        "  --path P        … or the path it is sent to (/v1/messages)\n"
        "  --header 'N: V' a header that comes with it; may be given more than once\n"
        "  --key NAME      whose permissions count: a client key of the configuration, by name\n"
        "  --call ID       why a call that is over went where it went (its x-weir-request-id): of "
        "the\n                  last ones those that had a choice or met a failure\n"
        "  --json          the answer of POST /api/v1/explain as it is\n",
    .run = run,
    .takes_rest = true,
};
