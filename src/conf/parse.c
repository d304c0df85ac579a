/* SPDX-License-Identifier: Apache-2.0 */
/* parse - what holds for both languages: encoding, choice, emptiness. */
#include "conf/parse.h"

#include "base/utf8.h"

/* Some editors put U+FEFF in front to say that the file is UTF-8. It is no part of the text. */
static str skip_bom(str text)
{
    return str_has_prefix(text, STR("\xEF\xBB\xBF")) ? str_from(text, 3) : text;
}

/* The first character that is neither blank nor in a JSON comment; '\0' when there is none. */
static char first_char(str s)
{
    size_t i = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            i++;
        } else if (c == '/' && i + 1 < s.n && s.p[i + 1] == '/') {
            size_t end = str_find_char(str_from(s, i), '\n');
            i = end == SIZE_MAX ? s.n : i + end;
        } else if (c == '/' && i + 1 < s.n && s.p[i + 1] == '*') {
            size_t end = str_find(str_from(s, i + 2), STR("*/"));
            i = end == SIZE_MAX ? s.n : i + 2 + end + 2;
        } else {
            return c;
        }
    }
    return '\0';
}

/* Before any parser: both then deal with characters, and messages can quote the file. */
static enum rc check_text(str text, struct conf_report *report)
{
    size_t valid = utf8_valid_prefix(text);
    if (valid == text.n)
        return RC_OK;
    uint32_t line, column;
    conf_position(text, valid, &line, &column);
    conf_note(report, CONF_ERROR, line, column,
              "not valid UTF-8 (byte 0x%02x); save the file as UTF-8",
              (unsigned)(unsigned char)text.p[valid]);
    return RC_CONFIG;
}

enum rc conf_parse(struct arena *a, str text, struct conf_report *report, struct conf_node **ret)
{
    TRY(check_text(text, report));
    text = skip_bom(text);
    struct conf_tree tree;
    tree_init(&tree, a, report);
    if (first_char(text) == '{')
        TRY(conf_parse_json(&tree, text));
    else
        TRY(conf_parse_yaml(&tree, text));
    if (!tree.root || tree.root->kind == CONF_NULL) {
        conf_note(report, CONF_ERROR, 1, 1,
                  "the file is empty; it needs at least `providers: [ { name: openai } ]`");
        return RC_CONFIG;
    }
    *ret = tree.root;
    return RC_OK;
}
