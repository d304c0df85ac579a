/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers through the filters, each cut into pieces of every size: what comes out is the same, and
 * keeps the promises of ir/event.h.
 */
#include "../unit.h"

#include "ir/filter.h"
#include "json/write.h"
#include <stdio.h>

/* What came out: "think<…> text<…> call id name<args> finish", and a watch over the numbering. */
struct seen {
    struct buf line;
    uint32_t next;
    bool open;
    enum ir_kind kind;
};

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct seen *s = ctx;
    switch (ev->type) {
    case IR_EV_BLOCK_START:
        assert_false(s->open);
        assert_int_equal(ev->block, s->next);
        s->open = true;
        s->kind = ev->kind;
        if (ev->kind == IR_TOOL_USE)
            buf_addf(&s->line, "call " STR_FMT " " STR_FMT "<", STR_ARG(ev->open.id),
                     STR_ARG(ev->open.name));
        else
            buf_addf(&s->line, "%s<", ev->kind == IR_THINKING ? "think" : "text");
        break;
    case IR_EV_DELTA:
        assert_true(s->open && ev->block == s->next && ev->kind == s->kind);
        if (ev->delta.what == IR_D_ARGS)
            assert_int_equal(json_unescape(&s->line, ev->delta.text), RC_OK);
        else
            buf_add(&s->line, ev->delta.text);
        break;
    case IR_EV_BLOCK_STOP:
        assert_true(s->open && ev->block == s->next);
        s->open = false;
        s->next++;
        buf_lit(&s->line, "> ");
        break;
    case IR_EV_FINISH:
        assert_false(s->open);
        buf_add(&s->line, ir_finish_name(ev->finish.reason));
        break;
    case IR_EV_START:
    case IR_EV_USAGE:
    case IR_EV_PING:
    case IR_EV_ERROR:
    case IR_EV_END:
        break;
    }
}

/* An answer of one text block, or (args) of one call: the pieces are cut between characters. */
struct script {
    unsigned kinds;
    bool call;
    const char *name; /* of the call */
    const char *text; /* plain */
    const char *want;
};

static const char tools_json[] =
    "{\"p\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"n\":{\"type\":"
    "\"integer\"}},\"required\":[\"city\"]},\"q\":{}}";

struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct ir_tool weather, time;
};

static void set_up(struct fixture *f)
{
    arena_init(&f->arena, 4u << 20);
    assert_int_equal(json_parse(&f->arena, str_c(tools_json), &f->doc, NULL), RC_OK);
    f->time =
        (struct ir_tool){.name = STR("time"), .schema = json_get_lit(json_root(&f->doc), "q")};
    f->weather = (struct ir_tool){
        .name = STR("weather"), .schema = json_get_lit(json_root(&f->doc), "p"), .next = &f->time};
}

/* As many bytes of escaped text as `n` characters have; escapes stay whole. */
static size_t characters(str s, size_t n)
{
    size_t at = 0;
    while (n-- && at < s.n) {
        at += s.p[at] != '\\' ? 1 : s.p[at + 1] == 'u' ? 6 : 2;
        while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void play(const struct script *p, size_t step, struct buf *got)
{
    struct fixture f;
    struct seen seen = {.line = BUF_INIT(1u << 20)};
    struct buf text = BUF_INIT(1u << 20);
    set_up(&f);
    struct ir_filter_setup setup = {p->kinds, &f.weather, STR("7")};
    struct ir_chain *c = chain_new(&f.arena, &setup, (struct ir_sink){on_event, &seen});
    assert_non_null(c);
    struct ir_event ev = {.type = IR_EV_BLOCK_START, .kind = p->call ? IR_TOOL_USE : IR_TEXT};
    if (p->call) {
        ev.open.id = STR("c1");
        ev.open.name = str_c(p->name);
    }
    ir_emit(chain_sink(c), &ev);
    json_escape(&text, str_c(p->text));
    for (str rest = buf_str(&text); rest.n;) {
        size_t n = characters(rest, step);
        ev = (struct ir_event){.type = IR_EV_DELTA,
                               .kind = p->call ? IR_TOOL_USE : IR_TEXT,
                               .delta = {p->call ? IR_D_ARGS : IR_D_TEXT, str_head(rest, n)}};
        ir_emit(chain_sink(c), &ev);
        rest = str_from(rest, n);
    }
    ev = (struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = p->call ? IR_TOOL_USE : IR_TEXT};
    ir_emit(chain_sink(c), &ev);
    ev = (struct ir_event){.type = IR_EV_FINISH,
                           .finish = {.reason = p->call ? IR_FIN_TOOL : IR_FIN_STOP}};
    ir_emit(chain_sink(c), &ev);
    buf_add(got, buf_str(&seen.line));
    chain_fini(c);
    buf_fini(&text);
    buf_fini(&seen.line);
    arena_fini(&f.arena);
}

static void all_cuts(const struct script *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t step = 1; step < 24; step++) {
            struct buf got = BUF_INIT(1u << 20);
            play(&rows[i], step, &got);
            if (!str_eq(buf_str(&got), str_c(rows[i].want)))
                fail_msg("%s (by %zu)\n got: " STR_FMT "\nwant: %s", rows[i].text, step,
                         STR_ARG(buf_str(&got)), rows[i].want);
            buf_fini(&got);
        }
}

static void test_think(void **state)
{
    static const struct script rows[] = {
        {IR_FILTER_THINK, false, NULL, "<think>\nhm, 1 < 2\n</think>\n\nYes.",
         "think<\\nhm, 1 < 2\\n> text<Yes.> stop"},
        {IR_FILTER_THINK, false, NULL, " \n<think>a</thin</think>b", "think<a</thin> text<b> stop"},
        {IR_FILTER_THINK, false, NULL, "<think></think>b", "think<> text<b> stop"},
        {IR_FILTER_THINK, false, NULL, "<think>never ends </thi", "think<never ends </thi> stop"},
        {IR_FILTER_THINK, false, NULL, "Use the <think> tag.", "text<Use the <think> tag.> stop"},
        {IR_FILTER_THINK, false, NULL, "<thing>", "text<<thing>> stop"},
        {IR_FILTER_THINK, false, NULL, "  <", "text<  <> stop"},
        {IR_FILTER_THINK, false, NULL, "", "text<> stop"},
        {IR_FILTER_THINK, false, NULL, "                    x", "text<                    x> stop"},
        {IR_FILTER_THINK, false, NULL, "<think>caf\xc3\xa9 \"q\"</think>\xc3\xa9",
         "think<caf\xc3\xa9 \\\"q\\\"> text<\xc3\xa9> stop"},
        {IR_FILTER_REASONING, false, NULL, "<reasoning_content>a</reasoning_content>\nb",
         "think<a> text<b> stop"},
    };
    (void)state;
    all_cuts(rows, sizeof(rows) / sizeof(*rows));
}

static void test_repair(void **state)
{
    static const struct script rows[] = {
        {IR_FILTER_REPAIR, true, "weather", "{'city': \"R\xc3\xb6m\", n: 2",
         "call c1 weather<{\"city\":\"R\xc3\xb6m\",\"n\":2}> tool"},
        {IR_FILTER_REPAIR, true, "weather", "", "call c1 weather<{}> tool"},
        {IR_FILTER_REPAIR, true, "weather", "{\"city\":\"a\\n\\u00e9\"}",
         "call c1 weather<{\"city\":\"a\\n\\u00e9\"}> tool"},
    };
    (void)state;
    all_cuts(rows, sizeof(rows) / sizeof(*rows));
}

static void test_recover(void **state)
{
    static const struct script rows[] = {
        {IR_FILTER_RECOVER, false, NULL,
         "Let me look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n"
         "</tool_call>",
         "text<Let me look.\\n> call call_7_0_0 weather<{\"city\":\"Rome\"}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "<tool_call>{\"name\":\"weather\",\"arguments\":{\"city\":\"A\"}}</tool_call>\n"
         "<tool_call>{\"name\":\"time\"}</tool_call>",
         "call call_7_0_0 weather<{\"city\":\"A\"}> call call_7_0_1 time<{}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "{\"name\": \"weather\", \"parameters\": {\"city\": \"A\"}}",
         "call call_7_0_0 weather<{\"city\":\"A\"}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "```json\n{\"name\": \"weather\", \"arguments\": \"{\\\"city\\\": \\\"A\\\"}\"}\n```",
         "call call_7_0_0 weather<{\"city\":\"A\"}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "[TOOL_CALLS][{\"name\":\"weather\",\"arguments\":{\"city\":\"A\"}},{\"name\":\"time\","
         "\"arguments\":{}}]",
         "call call_7_0_0 weather<{\"city\":\"A\"}> call call_7_0_1 time<{}> tool"},
        {IR_FILTER_RECOVER, false, NULL, "<function=weather>{\"city\": \"A\"}</function>",
         "call call_7_0_0 weather<{\"city\":\"A\"}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n<parameter=n>\n3\n"
         "</parameter>\n</function>\n</tool_call>",
         "call call_7_0_0 weather<{\"city\":\"12\",\"n\":3}> tool"},
        {IR_FILTER_RECOVER, false, NULL,
         "<|python_tag|>{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":{"
         "\"city\":\"A\"}}}",
         "call call_7_0_0 weather<{\"city\":\"A\"}> tool"},
    };
    (void)state;
    all_cuts(rows, sizeof(rows) / sizeof(*rows));
}

/* What is no call of a declared tool stays the text that it was. */
static void test_recover_leaves_text(void **state)
{
    static const char *const texts[] = {
        "Hello.",
        "",
        "a < b and <tool",
        "<tool_call>{\"name\":\"rm\",\"arguments\":{}}</tool_call>",
        "<tool_call>{\"name\":\"weather\",\"arguments\":{}}</tool_call> end", /* no city */
        "{\"answer\": {\"name\": \"weather\"}}",
        "{\"name\": \"x\", \"age\": 3}",
        "{}",
        "{ 1",
        "```python\nprint(1)\n```\nThat is it.",
        "```json\n{\"a\": 1}\n```",
        "```",
        "I would call {\"name\": \"weather\", \"arguments\": {\"city\": \"A\"}} here.",
        "<function=weather>{\"town\": 1}</function>",
        "<tool_call>never closed",
        "{\"name\": \"weather\", \"arguments\": {\"city\": \"A\"}} and so on",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char want[400];
        struct buf escaped = BUF_INIT(1000);
        json_escape(&escaped, str_c(texts[i]));
        snprintf(want, sizeof(want), "text<%.*s> stop", (int)buf_size(&escaped),
                 buf_size(&escaped) ? buf_str(&escaped).p : "");
        struct script row = {IR_FILTER_RECOVER, false, NULL, texts[i], want};
        all_cuts(&row, 1);
        buf_fini(&escaped);
    }
}

static void test_exit(void **state)
{
    static const struct script rows[] = {
        {IR_FILTER_EXIT, true, "ExitTool", "{\"response\": \"All \\\"done\\\".\"}",
         "text<All \\\"done\\\".> stop"},
        {IR_FILTER_EXIT, true, "ExitTool", "{'response': 'ok', }", "text<ok> stop"},
        {IR_FILTER_EXIT, true, "ExitTool", "just words", "text<just words> stop"},
        {IR_FILTER_EXIT, true, "weather", "{\"city\":1}", "call c1 weather<{\"city\":1}> tool"},
    };
    (void)state;
    all_cuts(rows, sizeof(rows) / sizeof(*rows));
}

static void test_together(void **state)
{
    static const struct script rows[] = {
        {IR_FILTER_THINK | IR_FILTER_RECOVER | IR_FILTER_REPAIR, false, NULL,
         "<think>the weather</think>\n<tool_call>{'name': 'weather', 'arguments': {'city': "
         "'A'}}</tool_call>",
         "think<the weather> call call_7_0_0 weather<{\"city\":\"A\"}> tool"},
    };
    (void)state;
    all_cuts(rows, sizeof(rows) / sizeof(*rows));
}

/* What is held is bounded: a call that never ends becomes text while it comes. */
static void test_u32_bounded(void **state)
{
    struct fixture f;
    struct seen seen = {.line = BUF_INIT(8u << 20)};
    char piece[1025];
    (void)state;
    set_up(&f);
    struct ir_filter_setup setup = {IR_FILTER_RECOVER, &f.weather, STR("7")};
    struct ir_chain *c = chain_new(&f.arena, &setup, (struct ir_sink){on_event, &seen});
    assert_non_null(c);
    memset(piece, 'x', sizeof(piece));
    ir_emit(chain_sink(c), &(struct ir_event){.type = IR_EV_BLOCK_START, .kind = IR_TEXT});
    ir_emit(chain_sink(c), &(struct ir_event){.type = IR_EV_DELTA,
                                              .kind = IR_TEXT,
                                              .delta = {IR_D_TEXT, STR("<tool_call>")}});
    for (int i = 0; i < 1000; i++)
        ir_emit(chain_sink(c), &(struct ir_event){.type = IR_EV_DELTA,
                                                  .kind = IR_TEXT,
                                                  .delta = {IR_D_TEXT, str_of(piece, 1024)}});
    assert_true(buf_size(&seen.line) >= 1000 * 1024 - IR_FILTER_HOLD);
    ir_emit(chain_sink(c), &(struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = IR_TEXT});
    assert_int_equal(buf_size(&seen.line), 5 + 11 + 1000 * 1024 + 2);
    chain_fini(c);
    buf_fini(&seen.line);
    arena_fini(&f.arena);
}

static void test_no_memory(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, 100);
    struct ir_filter_setup setup = {IR_FILTER_THINK, NULL, STR("7")};
    assert_null(chain_new(&a, &setup, (struct ir_sink){on_event, NULL}));
    chain_fini(NULL);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_think),       cmocka_unit_test(test_repair),
        cmocka_unit_test(test_recover),     cmocka_unit_test(test_recover_leaves_text),
        cmocka_unit_test(test_exit),        cmocka_unit_test(test_together),
        cmocka_unit_test(test_u32_bounded), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
