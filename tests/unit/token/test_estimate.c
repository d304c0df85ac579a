/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates of tokens: about right for kinds of text, steady, and cheap for long ones. */
#include "../unit.h"

#include "base/arena.h"
#include "base/b64.h"
#include "token/estimate.h"

static void about(const char *text, uint64_t tokens, unsigned percent)
{
    uint64_t got = estimate_text(str_c(text)), slack = tokens * percent / 100 + 1;
    if (got + slack < tokens || got > tokens + slack)
        fail_msg("%lu for \"%s\", which is %lu", (unsigned long)got, text, (unsigned long)tokens);
}

/* Counts by o200k_base. */
static void test_kinds_of_text(void **state)
{
    (void)state;
    about("The quick brown fox jumps over the lazy dog.", 10, 20);
    about("Please read the file and tell me what it does, then fix the bug in it.", 17, 20);
    about("for (int i = 0; i < n; i++) {\\n    sum += a[i];\\n}", 24, 25);
    about("{\\\"city\\\":\\\"Paris\\\",\\\"unit\\\":\\\"celsius\\\"}", 11, 40);
    about("1234567890 3.14159", 9, 25);
    about("\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd", 5, 40);
    about("", 0, 0);
}

static void test_long_text_is_sampled(void **state)
{
    const char *line = "some words of a long and rather even prompt, 42 of them\\n";
    struct buf b = BUF_INIT(8u << 20);
    (void)state;
    for (unsigned i = 0; i < 60000; i++)
        buf_add(&b, str_c(line));
    uint64_t one = estimate_text(str_head(buf_str(&b), ESTIMATE_SAMPLE));
    uint64_t all = estimate_text(buf_str(&b));
    double ratio = (double)all / ((double)one * (double)buf_size(&b) / ESTIMATE_SAMPLE);
    assert_true(ratio > 0.98 && ratio < 1.02);
    buf_fini(&b);
}

static jtext png(struct buf *b, uint32_t w, uint32_t h)
{
    unsigned char head[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (int i = 0; i < 4; i++) {
        head[16 + i] = (unsigned char)(w >> (24 - 8 * i));
        head[20 + i] = (unsigned char)(h >> (24 - 8 * i));
    }
    buf_clear(b);
    b64_encode(b, str_of((char *)head, 33));
    return buf_str(b);
}

static void test_images_by_their_size(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    assert_int_equal(estimate_image(png(&b, 300, 300), true), 300 * 300 / 750 + 4);
    assert_int_equal(estimate_image(png(&b, 5000, 5000), true), 1600);
    assert_int_equal(estimate_image(png(&b, 512, 512), false), 85 + 170);
    assert_true(estimate_image(png(&b, 5000, 5000), false) <= 1105);
    assert_true(estimate_image(STR(""), true) < 10);
    buf_fini(&b);
}

static void test_requests(void **state)
{
    struct arena a;
    struct ir_request r = {0};
    struct ir_message **tail = &r.messages;
    struct json_doc doc;
    (void)state;
    arena_init(&a, 1u << 20);
    assert_int_equal(estimate_request(&r, STR("gpt-5")), 3);
    struct ir_message *m = ir_add_message(&a, &tail, IR_USER);
    ir_add_block(&a, &m->tail, IR_TEXT)->text.text = STR("Hello, how are you today?");
    uint64_t plain = estimate_request(&r, STR("gpt-5"));
    assert_true(plain > 10 && plain < 18);
    assert_true(estimate_request(&r, STR("claude-sonnet-5")) >= plain);
    struct ir_tool t = {.name = STR("get_weather"), .description = STR("The weather of a city.")};
    assert_int_equal(
        json_parse(&a, STR("{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}"),
                   &doc, NULL),
        RC_OK);
    t.schema = json_root(&doc);
    r.tools = &t;
    assert_true(estimate_request(&r, STR("gpt-5")) > plain + 20);
    assert_true(estimate_request(&r, STR("claude-sonnet-5")) > plain + 350);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_text),
        cmocka_unit_test(test_long_text_is_sampled),
        cmocka_unit_test(test_images_by_their_size),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
