/* SPDX-License-Identifier: Apache-2.0 */
#include "prompt.h"

#include "prose.h"

#define SEED          0x9e3779b97f4a7c15ull
#define SMALL         ((size_t)8000) /* under this: one tool, one message */
#define TOOLS_MAX     24u
#define TOOL_BYTES    ((size_t)1800)
#define SYSTEM_MAX    ((size_t)24000)
#define MESSAGE_BYTES ((size_t)700)  /* of what the user or the model says */
#define RESULT_BYTES  ((size_t)6000) /* of what a tool gives back */

static const char *const tool_names[] = {"read_file",   "write_file", "edit_file",   "run_command",
                                         "search_text", "find_files", "list_folder", "fetch_page",
                                         "run_tests",   "view_image", "ask_user",    "plan_steps"};
#define TOOL_NAMES (sizeof tool_names / sizeof tool_names[0])

struct prompt {
    struct text *t;
    enum dialect d;
    uint64_t seed;
    unsigned turn;
};

static void add_system(struct prompt *p, size_t bytes)
{
    if (p->d == DIALECT_RESPONSES) {
        text_puts(p->t, "\"instructions\":\"You are a coding agent.\\n");
        prose_add(p->t, bytes, &p->seed);
        text_puts(p->t, "\",\"input\":[");
    } else if (p->d == DIALECT_OPENAI) {
        text_puts(p->t,
                  "\"messages\":[{\"role\":\"system\",\"content\":\"You are a coding agent.\\n");
        prose_add(p->t, bytes, &p->seed);
        text_puts(p->t, "\"},");
    } else {
        text_puts(p->t, "\"system\":[{\"type\":\"text\",\"text\":\"You are a coding agent.\\n");
        prose_add(p->t, bytes, &p->seed);
        text_puts(p->t, "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[");
    }
}

static void add_user(struct prompt *p, size_t bytes)
{
    text_puts(p->t, "{\"role\":\"user\",\"content\":\"Look at this, please.\\n");
    prose_add(p->t, bytes, &p->seed);
    text_puts(p->t, "\"}");
}

static void add_openai_turn(struct prompt *p, const char *tool, size_t result_bytes)
{
    text_puts(p->t, ",{\"role\":\"assistant\",\"content\":\"");
    prose_add(p->t, MESSAGE_BYTES / 2, &p->seed);
    text_printf(p->t,
                "\",\"tool_calls\":[{\"id\":\"call_%024u\",\"type\":\"function\",\"function\":"
                "{\"name\":\"%s\",\"arguments\":\"{\\\"path\\\":\\\"src/part%u/reader.c\\\","
                "\\\"offset\\\":%u,\\\"limit\\\":200}\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"call_%024u\",\"content\":\"",
                p->turn, tool, p->turn, p->turn * 40, p->turn);
    prose_add(p->t, result_bytes, &p->seed);
    text_puts(p->t, "\"},{\"role\":\"assistant\",\"content\":\"");
    prose_add(p->t, MESSAGE_BYTES, &p->seed);
    text_puts(p->t, "\"},");
}

static void add_anthropic_turn(struct prompt *p, const char *tool, size_t result_bytes)
{
    text_puts(p->t, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
    prose_add(p->t, MESSAGE_BYTES / 2, &p->seed);
    text_printf(p->t,
                "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%024u\",\"name\":\"%s\",\"input\":"
                "{\"path\":\"src/part%u/reader.c\",\"offset\":%u,\"limit\":200}}]},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                "\"toolu_%024u\",\"content\":\"",
                p->turn, tool, p->turn, p->turn * 40, p->turn);
    prose_add(p->t, result_bytes, &p->seed);
    text_puts(p->t, "\"}]},{\"role\":\"assistant\",\"content\":\"");
    prose_add(p->t, MESSAGE_BYTES, &p->seed);
    text_puts(p->t, "\"},");
}

static void add_responses_turn(struct prompt *p, const char *tool, size_t result_bytes)
{
    text_puts(p->t, ",{\"role\":\"assistant\",\"content\":\"");
    prose_add(p->t, MESSAGE_BYTES / 2, &p->seed);
    text_printf(p->t,
                "\"},{\"type\":\"function_call\",\"call_id\":\"call_%024u\",\"name\":\"%s\","
                "\"arguments\":\"{\\\"path\\\":\\\"src/part%u/reader.c\\\",\\\"offset\\\":%u,"
                "\\\"limit\\\":200}\"},{\"type\":\"function_call_output\",\"call_id\":"
                "\"call_%024u\",\"output\":\"",
                p->turn, tool, p->turn, p->turn * 40, p->turn);
    prose_add(p->t, result_bytes, &p->seed);
    text_puts(p->t, "\"},{\"role\":\"assistant\",\"content\":\"");
    prose_add(p->t, MESSAGE_BYTES, &p->seed);
    text_puts(p->t, "\"},");
}

/* A user message, a tool call, its result and what the model said of it. */
static void add_turn(struct prompt *p, size_t result_bytes)
{
    const char *tool = tool_names[p->turn % TOOL_NAMES];
    add_user(p, MESSAGE_BYTES);
    if (p->d == DIALECT_OPENAI)
        add_openai_turn(p, tool, result_bytes);
    else if (p->d == DIALECT_RESPONSES)
        add_responses_turn(p, tool, result_bytes);
    else
        add_anthropic_turn(p, tool, result_bytes);
    p->turn++;
}

static void add_tool(struct prompt *p, unsigned i, size_t bytes)
{
    bool openai = p->d == DIALECT_OPENAI, responses = p->d == DIALECT_RESPONSES;
    text_puts(p->t, openai      ? "{\"type\":\"function\",\"function\":{\"name\":\""
                    : responses ? "{\"type\":\"function\",\"strict\":false,\"name\":\""
                                : "{\"name\":\"");
    text_puts(p->t, tool_names[i % TOOL_NAMES]);
    if (i >= TOOL_NAMES)
        text_printf(p->t, "_%u", i / (unsigned)TOOL_NAMES);
    text_puts(p->t, "\",\"description\":\"Works on one file.\\n");
    prose_add(p->t, bytes, &p->seed);
    text_puts(p->t, openai || responses ? "\",\"parameters\":" : "\",\"input_schema\":");
    text_puts(p->t, "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\","
                    "\"description\":\"The file, from the root\"},\"offset\":{\"type\":\"integer\","
                    "\"minimum\":0},\"limit\":{\"type\":\"integer\"}},\"required\":[\"path\"]}");
    text_puts(p->t, openai ? "}}" : "}");
}

static void add_tools(struct prompt *p, size_t bytes)
{
    unsigned n = (unsigned)(bytes / TOOL_BYTES) + 1;
    if (n > TOOLS_MAX)
        n = TOOLS_MAX;
    text_puts(p->t, "],\"tools\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i)
            text_puts(p->t, ",");
        add_tool(p, i, bytes / n > 400 ? bytes / n - 400 : 0);
    }
    text_puts(p->t, "]");
}

static void add_options(struct prompt *p, bool stream)
{
    bool openai = p->d == DIALECT_OPENAI;
    text_puts(p->t, openai                      ? ",\"max_completion_tokens\":8192"
                    : p->d == DIALECT_RESPONSES ? ",\"max_output_tokens\":8192"
                                                : ",\"max_tokens\":8192");
    if (openai && stream)
        text_puts(p->t, ",\"stream_options\":{\"include_usage\":true}");
    text_puts(p->t, stream ? ",\"stream\":true}" : ",\"stream\":false}");
}

void prompt_add(struct text *t, enum dialect d, const char *model, bool stream, size_t size)
{
    struct text end = {0};
    struct prompt head = {.t = t, .d = d, .seed = SEED};
    struct prompt tail = {.t = &end, .d = d, .seed = SEED ^ size};
    size_t start = t->len, system = size < SMALL ? 0 : size / 10;

    /* What follows the messages is made first, so that the last message can fill the rest exactly.
     */
    add_tools(&tail, size < SMALL ? 0 : size / 6);
    add_options(&tail, stream);

    text_printf(t, "{\"model\":\"%s\",", model);
    add_system(&head, system < SYSTEM_MAX ? system : SYSTEM_MAX);
    size_t turn = RESULT_BYTES + 3 * MESSAGE_BYTES;
    while (t->len - start + end.len + turn < size)
        add_turn(&head, RESULT_BYTES);

    static const char open[] = "{\"role\":\"user\",\"content\":\"", close[] = "\"}";
    text_puts(t, open);
    size_t used = t->len - start + sizeof close - 1 + end.len, before = t->len;
    if (used < size)
        prose_add(t, size - used, &head.seed);
    used += t->len - before;
    if (used < size)
        prose_pad(t, size - used);
    text_puts(t, close);
    text_add(t, end.at, end.len);
}
