/* SPDX-License-Identifier: Apache-2.0 */
/* gemini_part.c - parts of an answer that are no text: for streams and for whole bodies. */
#include "dialect/gemini_int.h"

str gemini_object_of(struct arena *a, str args)
{
    struct json_doc doc;

    if (args.n && json_parse(a, args, &doc, NULL) == RC_OK && json_is(json_root(&doc), JSON_OBJECT))
        return args;
    return STR("{}");
}

/* ---- code that the provider ran -----------------------------------------------------------------
 */

static jval parsed(struct arena *a, str json)
{
    struct json_doc *doc = arena_new(a, struct json_doc);

    return doc && json.n && json_parse(a, json, doc, NULL) == RC_OK ? json_root(doc) : JVAL_NONE;
}

static str code_part(struct arena *a, jval use, jtext input)
{
    jval in = input.n ? parsed(a, ir_unescape(a, input)) : json_get_lit(use, "input");
    jval code = json_get_lit(in, "code");

    if (!json_is(code, JSON_STRING))
        code = json_get_lit(in, "command"); /* Claude's shell */
    if (!json_is(code, JSON_STRING))
        return STR_NONE;
    return arena_strf(a, "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"" STR_FMT "\"}}",
                      STR_ARG(json_raw(code)));
}

static str result_part(struct arena *a, jval result)
{
    jval content = json_get_lit(result, "content"), code = json_get_lit(content, "return_code");
    jtext out = json_raw(json_get_lit(content, "stdout"));
    bool failed = !json_has(code) || !str_eq(json_text(code), STR("0"));

    if (failed && json_raw(json_get_lit(content, "stderr")).n)
        out = json_raw(json_get_lit(content, "stderr"));
    return arena_strf(a,
                      "{\"codeExecutionResult\":{\"outcome\":\"%s\",\"output\":\"" STR_FMT "\"}}",
                      failed ? "OUTCOME_FAILED" : "OUTCOME_OK", STR_ARG(out));
}

str gemini_opaque_part(struct arena *a, str raw, jtext input)
{
    jval block = parsed(a, raw);
    jtext type = json_raw(json_get_lit(block, "type"));
    str name = json_raw(json_get_lit(block, "name"));

    if (str_eq(type, STR("server_tool_use")) && str_find(name, STR("code_execution")) != SIZE_MAX)
        return code_part(a, block, input);
    if (str_has_suffix(type, STR("code_execution_tool_result")))
        return result_part(a, block);
    return STR_NONE;
}

/* ---- media --------------------------------------------------------------------------------------
 */

void gemini_put_media(struct buf *out, const struct ir_media *m)
{
    bool file = m->src != IR_MEDIA_BASE64;

    buf_add(out,
            file ? STR("{\"fileData\":{\"mimeType\":\"") : STR("{\"inlineData\":{\"mimeType\":\""));
    buf_add(out, m->media_type.n ? m->media_type : STR("image/png"));
    buf_add(out, file ? STR("\",\"fileUri\":\"") : STR("\",\"data\":\""));
    buf_add(out, m->data);
    buf_lit(out, "\"}}");
}
