/* SPDX-License-Identifier: Apache-2.0 */
/* kin.c - see the header. */
#include "dialect/kin.h"

#include "dialect/media.h"

#define USER_MAX 64 /* OpenAI refuses longer ones */

void kin_put_text(struct json_writer *w, jtext text)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "text");
    json_key(w, "text");
    json_put_raw_str(w, text);
    json_end(w);
}

void kin_put_image(struct json_writer *w, const struct ir_media *m, const struct dialect_opts *opts,
                   struct ir_lossy *lossy)
{
    ASSERT(m->src != IR_MEDIA_TEXT && m->src != IR_MEDIA_BLOCKS); /* those are documents */
    if (m->src == IR_MEDIA_FILE_ID) {
        kin_put_text(w, STR("[an image was here that only its own provider can read]"));
        ir_lossy_add(lossy, STR("image.file_id"));
        return;
    }
    if (media_refuses_url(opts, IR_IMAGE, m)) {
        kin_put_text(w, STR("[an image was here that this model can't fetch]"));
        ir_lossy_add(lossy, STR("image.url"));
        return;
    }
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "image_url");
    json_key(w, "image_url");
    json_begin_object(w);
    json_key(w, "url");
    media_put_url(w, m, STR("image/png"));
    if (str_eq(m->detail, STR("original"))) { /* a word of Responses alone: a 400 here */
        json_key(w, "detail");
        json_put_lit(w, "high");
        ir_lossy_add(lossy, STR("image.detail"));
    } else if (m->detail.n) {
        json_key(w, "detail");
        json_put_raw_str(w, m->detail);
    }
    json_end(w);
    json_end(w);
}

void kin_open_function(struct json_writer *w, const struct ir_tool *t)
{
    ASSERT(t->name.n); /* every front refuses a tool without one */
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "function");
    json_key(w, "function");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, t->name);
    if (t->description.n) {
        json_key(w, "description");
        json_put_raw_str(w, t->description);
    }
    json_key(w, "parameters");
    json_put_text(w,
                  json_is(t->schema, JSON_OBJECT) ? json_text(t->schema) : STR(KIN_NO_PARAMETERS));
}

static void put_text_member(struct json_writer *w, str key, jtext text)
{
    if (!text.n)
        return;
    json_key_str(w, key);
    json_put_raw_str(w, text);
}

/* "standard_only" is Messages' word for what is "default" here; its "auto" says nothing. */
void kin_put_caller(struct json_writer *w, const struct ir_request *r, bool kin,
                    struct ir_lossy *lossy)
{
    if (r->user.n > USER_MAX)
        ir_lossy_add(lossy, STR("user"));
    else
        put_text_member(w, STR("user"), r->user);
    if (str_eq(r->service_tier, STR("standard_only")))
        put_text_member(w, STR("service_tier"), STR("default"));
    else if (kin)
        put_text_member(w, STR("service_tier"), r->service_tier);
    else if (r->service_tier.n && !str_eq(r->service_tier, STR("auto")))
        ir_lossy_add(lossy, STR("service_tier"));
}
