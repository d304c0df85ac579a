/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_make - a request made up of flags, in the words of any language that clients speak here.
 *
 * What is made up is a body that the front's own decoder reads, not a set of features beside it: so
 * whatever looks at a request one day sees it here too, and nothing can be explained that could not
 * be sent. Its prompt is " the" so many times, which is one token each in the encodings at hand and
 * one by the rule of four bytes.
 *
 * A table of texts: a language is a row, and what it writes in another place than the others is
 * told by where the text opens and closes. Our own encoders were no way, for they write what a
 * provider is sent, which is less than what a client may say.
 */
#include "gate/explain.h"

#define TOKENS_MAX 2000000u /* of a made-up prompt: 8 MB */
#define BODY_MAX   (4 * (size_t)TOKENS_MAX + (64u << 10))
#define PIXEL \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
#define PDF    "JVBERi0xLjQK"
#define SCHEMA "{\"type\":\"object\",\"properties\":{}}"

/* A list of `tools`, and an object of settings, stand between their own brackets; empty ones are
 * not written. Members of a list are set apart by commas here. */
struct language {
    bool names_model; /* else the path does */
    bool says_stream;
    const char *before, *after;   /* about the prompt's text */
    const char *image, *document; /* behind it, in the same message */
    const char *end;              /* of the message, and of all of them */
    const char *tools, *tools_end;
    const char *tool, *search;
    const char *search_alone; /* where searching is no tool; else NULL */
    const char *settings, *settings_end;
    const char *output, *output_end; /* about the number */
    unsigned output_usual;           /* where one has to be said; 0: need not be */
    const char *thinking, *structured;
};

static const struct language chat = {
    .names_model = true,
    .says_stream = true,
    .before = "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"",
    .after = "\"}",
    .image =
        ",{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PIXEL "\"}}",
    .document = ",{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
                "\"data:application/pdf;base64," PDF "\"}}",
    .end = "]}]",
    .tools = "\"tools\":[",
    .tools_end = "]",
    .tool = "{\"type\":\"function\",\"function\":{\"name\":\"look\",\"parameters\":" SCHEMA "}}",
    .search_alone = "\"web_search_options\":{}",
    .settings = "",
    .settings_end = "",
    .output = "\"max_completion_tokens\":",
    .output_end = "",
    .thinking = "\"reasoning_effort\":\"high\"",
    .structured = "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","
                  "\"schema\":" SCHEMA "}}",
};

static const struct language anthropic = {
    .names_model = true,
    .says_stream = true,
    .before = "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"",
    .after = "\"}",
    .image = ",{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
             "\"data\":\"" PIXEL "\"}}",
    .document = ",{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
                "\"application/pdf\",\"data\":\"" PDF "\"}}",
    .end = "]}]",
    .tools = "\"tools\":[",
    .tools_end = "]",
    .tool = "{\"name\":\"look\",\"input_schema\":" SCHEMA "}",
    .search = "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}",
    .settings = "",
    .settings_end = "",
    .output = "\"max_tokens\":",
    .output_end = "",
    .output_usual = 4096,
    .thinking = "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}",
    .structured = "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}",
};

static const struct language responses = {
    .names_model = true,
    .says_stream = true,
    .before = "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"",
    .after = "\"}",
    .image = ",{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64," PIXEL "\"}",
    .document = ",{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
                "\"data:application/pdf;base64," PDF "\"}",
    .end = "]}]",
    .tools = "\"tools\":[",
    .tools_end = "]",
    .tool = "{\"type\":\"function\",\"name\":\"look\",\"parameters\":" SCHEMA "}",
    .search = "{\"type\":\"web_search\"}",
    .settings = "",
    .settings_end = "",
    .output = "\"max_output_tokens\":",
    .output_end = "",
    .thinking = "\"reasoning\":{\"effort\":\"high\"}",
    .structured =
        "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\",\"schema\":" SCHEMA "}}",
};

static const struct language gemini = {
    .before = "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"",
    .after = "\"}",
    .image = ",{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" PIXEL "\"}}",
    .document = ",{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"" PDF "\"}}",
    .end = "]}]",
    .tools = "\"tools\":[",
    .tools_end = "]",
    .tool = "{\"functionDeclarations\":[{\"name\":\"look\",\"parametersJsonSchema\":" SCHEMA "}]}",
    .search = "{\"googleSearch\":{}}",
    .settings = "\"generationConfig\":{",
    .settings_end = "}",
    .output = "\"maxOutputTokens\":",
    .output_end = "",
    .thinking = "\"thinkingConfig\":{\"thinkingBudget\":1024}",
    .structured = "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":" SCHEMA,
};

static const struct language bedrock = {
    .before = "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"",
    .after = "\"}",
    .image = ",{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"" PIXEL "\"}}}",
    .document =
        ",{\"document\":{\"format\":\"pdf\",\"name\":\"a\",\"source\":{\"bytes\":\"" PDF "\"}}}",
    .end = "]}]",
    .tools = "\"toolConfig\":{\"tools\":[",
    .tools_end = "]}",
    .tool = "{\"toolSpec\":{\"name\":\"look\",\"inputSchema\":{\"json\":" SCHEMA "}}}",
    .search = "{\"systemTool\":{\"name\":\"nova_grounding\"}}",
    .settings = "",
    .settings_end = "",
    .output = "\"inferenceConfig\":{\"maxTokens\":",
    .output_end = "}",
    .thinking = "\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\","
                "\"budget_tokens\":1024}}",
    .structured = "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":"
                  "{\"jsonSchema\":{\"name\":\"x\",\"schema\":"
                  "\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":{}}\"}}}}",
};

static const struct {
    str front;
    const struct language *language;
} languages[] = {
    {STR("openai"), &chat},         {STR("chat"), &chat},
    {STR("anthropic"), &anthropic}, {STR("openai-responses"), &responses},
    {STR("responses"), &responses}, {STR("gemini"), &gemini},
    {STR("bedrock"), &bedrock},
};

/* ---- writing */

struct list_of {
    struct buf *to;
    bool some; /* a comma is due */
};

static void add(struct list_of *l, const char *item)
{
    if (l->some)
        buf_add_char(l->to, ',');
    buf_add(l->to, str_c(item));
    l->some = true;
}

static void add_prompt(const struct language *l, const struct explain_flags *q, struct buf *b)
{
    buf_add(b, str_c(l->before));
    for (uint64_t i = 0; i < (q->tokens ? q->tokens : 1); i++)
        buf_lit(b, " the");
    buf_add(b, str_c(l->after));
    if (q->image)
        buf_add(b, str_c(l->image));
    if (q->document)
        buf_add(b, str_c(l->document));
    buf_add(b, str_c(l->end));
}

static void add_tools(const struct language *l, const struct explain_flags *q, struct list_of *all)
{
    const bool search = q->web_search && l->search;
    if (q->web_search && l->search_alone)
        add(all, l->search_alone);
    if (!q->tools && !search)
        return;
    add(all, l->tools);
    struct list_of list = {.to = all->to};
    if (q->tools)
        add(&list, l->tool);
    if (search)
        add(&list, l->search);
    buf_add(all->to, str_c(l->tools_end));
}

static void add_settings(const struct language *l, const struct explain_flags *q,
                         struct list_of *all)
{
    const uint64_t output = q->output ? q->output : l->output_usual;
    if (!output && !q->thinking && !q->structured)
        return;
    add(all, l->settings);
    struct list_of list = {.to = all->to};
    if (output) {
        add(&list, l->output);
        buf_addf(all->to, "%llu%s", (unsigned long long)output, l->output_end);
    }
    if (q->thinking)
        add(&list, l->thinking);
    if (q->structured)
        add(&list, l->structured);
    buf_add(all->to, str_c(l->settings_end));
}

static const struct language *language_of(str front)
{
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (str_eq(front, languages[i].front))
            return languages[i].language;
    return NULL;
}

enum rc explain_make(struct arena *a, str front, const struct explain_flags *q, str *ret)
{
    const struct language *l = language_of(front);
    struct buf b = BUF_INIT(BODY_MAX);
    struct list_of all = {.to = &b};
    if (!l)
        return RC_NOTFOUND;
    if (q->tokens > TOKENS_MAX)
        return RC_LIMIT;
    buf_add_char(&b, '{');
    if (l->names_model) {
        add(&all, "\"model\":\"");
        json_escape(&b, q->model);
        buf_add_char(&b, '"');
    }
    add(&all, "");
    add_prompt(l, q, &b);
    add_tools(l, q, &all);
    add_settings(l, q, &all);
    if (q->stream && l->says_stream)
        add(&all, "\"stream\":true");
    buf_add_char(&b, '}');
    *ret = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return ret->p ? RC_OK : RC_NOMEM;
}
