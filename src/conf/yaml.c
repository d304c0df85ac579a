/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - libyaml's events into our tree.
 *
 * Of YAML's wealth only what a configuration needs gets through: one document, maps, lists,
 * scalars. Anchors and aliases are refused (a page of them can stand for gigabytes), so are merge
 * keys and explicit tags. libyaml's own messages say what the scanner felt; a table adds what to do
 * about it.
 *
 * The event interface is used and not libyaml's document loader, which builds a tree of its own
 * first, with none of our limits.
 *
 * YAML 1.1 reads `no`, `on` and `012` as false, true and ten. None of that happens here: libyaml
 * hands out the text, and what a text means is decided by the option that takes it (node.h). A
 * model named `on` or a key `0123` therefore needs no quotes. Only null must be told apart, and
 * only where it stood plain: `""` and `'null'` are texts.
 */
#include <yaml.h>

#include "conf/parse.h"

/* libyaml counts from 0, people from 1. Its columns are characters, as ours. */
#define MARK(m) (uint32_t)((m).line + 1), (uint32_t)((m).column + 1)

struct mend {
    const char *problem; /* as libyaml words it */
    const char *what;    /* as we do */
};

static const struct mend mends[] = {
    {"found character that cannot start any token",
     "this character cannot begin a value; put the text in quotes (and indent with blanks, not "
     "tabs)"},
    {"found a tab character that violates indentation", "a tab in the indentation; use blanks"},
    {"mapping values are not allowed in this context",
     "a ':' is not expected here; put text that holds ': ' in quotes, and check the indentation"},
    {"did not find expected key",
     "a key was expected here; check the indentation and the quotes of the lines above"},
    {"did not find expected '-' indicator",
     "a list item ('- ...') was expected here; check the indentation"},
    {"could not find expected ':'", "the ':' after the key is missing"},
    {"did not find expected ',' or '}'", "',' or '}' is missing before this"},
    {"did not find expected ',' or ']'", "',' or ']' is missing before this"},
    {"found unexpected end of stream", "the closing quote is missing"},
    {"found unexpected document indicator", "'---' or '...' inside of quotes"},
    {"control characters are not allowed", "a control character; remove it"},
    {"block sequence entries are not allowed in this context",
     "a list item cannot stand here; put it on its own line, indented below its key"},
};

static enum rc refuse(struct conf_tree *t, yaml_mark_t at, const char *what)
{
    conf_note(t->report, CONF_ERROR, MARK(at), "%s", what);
    return RC_CONFIG;
}

static enum rc refuse_syntax(struct conf_tree *t, str text, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return RC_NOMEM;
    const char *problem = p->problem ? p->problem : "malformed YAML";
    const char *what = NULL;
    for (size_t i = 0; i < ARRAY_LEN(mends) && !what; i++)
        if (strcmp(problem, mends[i].problem) == 0)
            what = mends[i].what;
    uint32_t line = (uint32_t)p->problem_mark.line + 1;
    uint32_t column = (uint32_t)p->problem_mark.column + 1;
    /* the reader stops before there are lines: it knows a byte offset alone */
    if (p->error == YAML_READER_ERROR)
        conf_position(text, p->problem_offset, &line, &column);
    conf_note(t->report, CONF_ERROR, line, column, "%s", what ? what : problem);
    return RC_CONFIG;
}

static bool is_null(str s)
{
    return s.n == 0 || str_eq(s, STR("~")) || str_eq(s, STR("null")) || str_eq(s, STR("Null")) ||
           str_eq(s, STR("NULL"));
}

static enum rc on_scalar(struct conf_tree *t, const yaml_event_t *e)
{
    str s = str_of((const char *)e->data.scalar.value, e->data.scalar.length);
    yaml_mark_t at = e->start_mark;
    if (e->data.scalar.anchor)
        return refuse(t, at, "anchors (&name) are not supported; write the value out");
    if (e->data.scalar.tag)
        return refuse(t, at, "tags (!name) are not supported; remove it");
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tree_wants_key(t) && plain && str_eq(s, STR("<<")))
        return refuse(t, at, "merge keys (<<) are not supported; write the values out");
    if (!tree_wants_key(t) && plain && is_null(s))
        return tree_null(t, MARK(at));
    return tree_scalar(t, s, !plain, MARK(at));
}

static enum rc on_open(struct conf_tree *t, const yaml_event_t *e, enum conf_kind kind)
{
    const yaml_char_t *anchor =
        kind == CONF_MAP ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const yaml_char_t *tag =
        kind == CONF_MAP ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    if (anchor)
        return refuse(t, e->start_mark, "anchors (&name) are not supported; write the value out");
    if (tag)
        return refuse(t, e->start_mark, "tags (!name) are not supported; remove it");
    return tree_open(t, kind, MARK(e->start_mark));
}

static enum rc on_event(struct conf_tree *t, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(t, e);
    case YAML_MAPPING_START_EVENT:
        return on_open(t, e, CONF_MAP);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(t, e, CONF_LIST);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return tree_close(t);
    case YAML_ALIAS_EVENT:
        return refuse(t, e->start_mark, "aliases (*name) are not supported; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (t->root)
            return refuse(t, e->start_mark, "a second document begins here; keep one");
        return RC_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return RC_OK;
    }
    return RC_OK;
}

enum rc conf_parse_yaml(struct conf_tree *t, str text)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return RC_NOMEM;
    /* said, so that a byte order mark or a guess cannot make it UTF-16: parse.c has looked */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    enum rc rc = RC_OK;
    bool end = false;
    while (rc == RC_OK && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            rc = refuse_syntax(t, text, &parser);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        rc = on_event(t, &event);
        yaml_event_delete(&event);
    }
    ASSERT(rc != RC_OK || t->depth == 0); /* libyaml's starts and ends are in balance */
    yaml_parser_delete(&parser);
    return rc;
}
