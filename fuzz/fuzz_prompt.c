/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into the count of a prompt besides its text: tools written out as models read them,
 * sizes of images in base64, estimates. The input is taken for each of them in turn; a JSON object
 * is the schema of a tool, named by the model's name that its first key gives.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "token/audio.h"
#include "token/estimate.h"
#include "token/prompt.h"
#include "token/tools_text.h"

static void check_image(str in)
{
    struct image_size size;
    if (!image_size_of(in, &size))
        return;
    CHECK(size.w > 0 && size.h > 0 && size.w <= IMAGE_SIDE_MAX && size.h <= IMAGE_SIDE_MAX);
    for (int rule = IMG_TILES; rule <= IMG_GEMINI_3; rule++)
        CHECK(image_tokens((enum image_rule)rule, size, false) > 0);
}

/* Blanks go, and nothing else: squeezing twice is squeezing once. */
static void check_squeeze(str json)
{
    struct buf once = BUF_INIT(json.n + 1), twice = BUF_INIT(json.n + 1);
    tools_text_squeeze(json, &once);
    tools_text_squeeze(buf_str(&once), &twice);
    CHECK(!once.failed && str_eq(buf_str(&once), buf_str(&twice)));
    buf_fini(&once);
    buf_fini(&twice);
}

static void check_prompt(jval root)
{
    struct json_iter it = json_iter(root);
    struct buf text = BUF_INIT(1u << 20);
    struct ir_block block = {.kind = IR_TEXT, .text.text = json_text(root)};
    struct ir_message message = {.role = IR_USER, .blocks = &block};
    struct ir_tool tool = {.name = STR("f"), .schema = root, .raw = json_text(root)};
    struct ir_request r = {.messages = &message, .tools = &tool};
    struct token_counter counter = {.text = &text};
    struct token_target target = {.model = json_next(&it) ? json_raw(it.key) : STR("gpt-5")};
    uint64_t n = token_prompt(&counter, &r, &target).tokens;
    target.way = TOKEN_VERTEX;
    token_prompt(&counter, &r, &target);
    target.way = TOKEN_CHAT;
    tool.description = json_raw(it.val);
    r.format = (struct ir_format){.kind = IR_FORMAT_SCHEMA, .name = STR("n"), .schema = root};
    CHECK(n > 0 && token_prompt(&counter, &r, &target).tokens > 0);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = str_of((const char *)data, size);
    struct arena a;
    struct json_doc d;
    check_image(in);
    CHECK(audio_length(STR_NONE, in) - 1 < AUDIO_MS_MAX);
    CHECK(estimate_text(in) <= size + 1);
    arena_init(&a, 16u << 20);
    if (size < 1u << 16 && json_parse(&a, in, &d, NULL) == RC_OK) {
        check_squeeze(in);
        if (json_is(json_root(&d), JSON_OBJECT))
            check_prompt(json_root(&d));
    }
    arena_fini(&a);
    return 0;
}
