/* SPDX-License-Identifier: Apache-2.0 */
/* family - a search through the names; see the header. */
#include "token/family.h"

#include "base/check.h"

enum family_id {
#define FAMILY(name, ...) FAMILY_##name,
#include "token/families.def"
};

#define FAMILY(id, enc, pieces_, text_, base_, think_, message_, style_, tools_, forced_, tool_, \
               schema_, call_, result_, parallel_, format_, image_, page_, audio_, seal_)        \
    [FAMILY_##id] = {.name = {#id, sizeof(#id) - 1},                                             \
                     .encoding = TOKEN_##enc,                                                    \
                     .pieces = PIECES_##pieces_,                                                 \
                     .text = text_,                                                              \
                     .base = base_,                                                              \
                     .think = think_,                                                            \
                     .message = message_,                                                        \
                     .style = TOKEN_STYLE_##style_,                                              \
                     .tools = tools_,                                                            \
                     .forced = forced_,                                                          \
                     .tool = tool_,                                                              \
                     .schema = schema_,                                                          \
                     .call = call_,                                                              \
                     .result = result_,                                                          \
                     .parallel = parallel_,                                                      \
                     .format = format_,                                                          \
                     .image = image_,                                                            \
                     .page = page_,                                                              \
                     .audio = audio_,                                                            \
                     .seal = SEAL_##seal_},
static const struct token_family families[] = {
#include "token/families.def"
};

#define MODEL(part, family) {{part, sizeof(part) - 1}, FAMILY_##family},
static const struct {
    str part;
    enum family_id family;
} models[] = {
#include "token/families.def"
};

static bool holds(str name, str part)
{
    for (size_t i = 0; i + part.n <= name.n; i++)
        if (str_has_prefix_nocase(str_from(name, i), part))
            return true;
    return false;
}

/* o1, o3, o4 and what follows them are too short to be looked for anywhere in a name. */
static bool is_o_series(str name)
{
    size_t slash = str_rfind_char(name, '/');

    name = slash == SIZE_MAX ? name : str_from(name, slash + 1);
    return name.n >= 2 && name.p[0] == 'o' && name.p[1] >= '1' && name.p[1] <= '9';
}

static enum family_id find(str model)
{
    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        if (holds(model, models[i].part))
            return models[i].family;
    return is_o_series(model) ? FAMILY_O : FAMILY_OTHER;
}

/* The same models at Vertex, whose prompts are billed by another rule. */
static enum family_id at_vertex(enum family_id id)
{
    return id == FAMILY_GEMINI_25  ? FAMILY_GEMINI_2
           : id == FAMILY_GEMINI_3 ? FAMILY_GEMINI_3_VERTEX
                                   : id;
}

const struct token_family *token_family(str model, enum token_way way)
{
    enum family_id id = find(model);

    id = way == TOKEN_VERTEX ? at_vertex(id) : id;
    CHECK((size_t)id < ARRAY_LEN(families));
    return &families[id];
}
