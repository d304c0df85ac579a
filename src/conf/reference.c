/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference - docs/config.md, from the option table, the presets and the few rules that no row
 * holds.
 *
 * A page written by hand would be right for a week. The texts below are for what is true of the
 * file as a whole; all that is true of one key stands in its row. Lines are wrapped in the source
 * as they are on the page, for a change to read well as a diff. To write the page anew after a
 * change, run the test that compares it, conf/describe, with UPDATE_GOLDEN=1.
 */
#include "conf/describe.h"
#include "conf/preset.h"
#include "conf/raw.h"

static const char intro[] =
    "# Configuration\n"
    "\n"
    "This page is generated from the option table (`src/conf/options.c`); `weir check --schema`\n"
    "prints the same as a JSON Schema for editors, [config.schema.json](config.schema.json).\n"
    "\n"
    "One file is the master: `--config FILE`, else `$WEIR_CONFIG`, else `./config/weir.yaml`, "
    "else\n"
    "`~/.config/weir/weir.yaml`. It is YAML, or JSON with comments and trailing commas; at most 1 "
    "MiB.\n"
    "Without a file, keys found in the environment make their providers available; without keys, "
    "the\n"
    "built-in provider `demo` answers, offline.\n"
    "\n"
    "```yaml\n"
    "listen: 127.0.0.1:3456\n"
    "providers:\n"
    "  - { name: openai, apiKey: \"${OPENAI_API_KEY}\" }\n"
    "  - { name: anthropic }              # its key is taken from ANTHROPIC_API_KEY\n"
    "  - { name: local, dialect: openai, baseURL: http://gpu1:8000/v1, models: [qwen3] }\n"
    "models:\n"
    "  - name: smart\n"
    "    targets: [ { use: anthropic/claude-sonnet-4-5, weight: 70 }, { use: openai/gpt-5, weight: "
    "30 } ]\n"
    "    fallback: [ cheap ]\n"
    "  - { name: cheap, targets: [ local/qwen3 ] }\n"
    "routing:\n"
    "  scenarios: { default: smart }\n"
    "```\n"
    "\n"
    "- **Variables.** `${NAME}` is the variable's value, and an error where it is not set;\n"
    "  `${NAME:-default}` has a default; `$${` is a plain `${`. Values are put in after parsing, "
    "as text.\n"
    "- **Units.** Durations: `500ms`, `30s`, `10m`, `1h` (a bare number is milliseconds). Sizes: "
    "`64KiB`,\n"
    "  `32MiB`. Counts: `500`, `1.5k`, `2M`.\n"
    "- **Paths** that are relative are meant from the file's own folder. State lives in `--data "
    "DIR`, else\n"
    "  `$WEIR_DATA`, else that folder.\n"
    "- **Faults** are told as `file:line:column: what, and the mend`, up to twenty at once, and "
    "the whole\n"
    "  file is refused; a running weir keeps the configuration it has. What is accepted but not "
    "active yet\n"
    "  is told as a warning by `weir check`.\n"
    "- **Not in YAML here:** anchors, aliases, merge keys, tags, several documents, duplicate "
    "keys.\n"
    "- **Model names** in a request resolve in this order: a logical model; `provider/model` or\n"
    "  `provider,model`; a bare model that exactly one provider serves (it lists the model, a "
    "target names\n"
    "  it, or it is a known provider without a list and the model has one of its names); the "
    "`default`\n"
    "  scenario; the only provider there is, where it lists no models; else \"not found\". Another "
    "letter\n"
    "  case is accepted where the exact one is not known.\n";

static const char proxies[] =
    "\n## Forward proxies\n\n"
    "A provider's own `proxy` always counts. The top-level `proxy`, and HTTPS_PROXY or http_proxy "
    "of the\n"
    "environment after it, are not used for loopback hosts nor for those in NO_PROXY.\n";

static const char ccr_intro[] =
    "\n## claude-code-router\n\n"
    "A `config.json` of claude-code-router 1 or 2 is read as it stands; `weir check` tells what of "
    "it is not active yet. `$NAME` is a variable in such a file,\n"
    "unknown keys are warnings, `HOST` is not used without an `APIKEY`, and providers without a "
    "key or in a\n"
    "language this build cannot speak are left out with a warning. Its keys:\n";

/* --- tables ----------------------------------------------------------------------------------- */

static void put_words(struct buf *to, const struct option *row)
{
    for (const struct option_word *w = row->words; w->name; w++)
        buf_addf(to, "%s`%s`%s", w == row->words ? "" : ", ", w->name, w->active ? "" : " (later)");
}

/* The anchor of a section's heading, as renderers make it: lower case, no marks. */
static void put_anchor(struct buf *to, const struct section *s)
{
    for (const char *p = s->name; *p; p++)
        if (*p != '[' && *p != ']' && *p != '.')
            buf_add_char(to, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
}

static void put_link(struct buf *to, const struct option *row)
{
    buf_addf(to, "%s: [%s](#", row->type == OPTION_SECTION ? "map" : "list", row->key);
    put_anchor(to, row->sub);
    buf_add_char(to, ')');
}

static void put_type(struct buf *to, const struct option *row)
{
    if (row->type == OPTION_WORD)
        put_words(to, row);
    else if (row->sub && !(row->flags & OPTION_CCR))
        put_link(to, row);
    else
        buf_add(to, str_c(option_type_text(row->type)));
}

static void put_row(struct buf *to, const struct option *row)
{
    buf_addf(to, "| `%s`%s | ", row->key, row->flags & OPTION_REQUIRED ? " (required)" : "");
    put_type(to, row);
    if (row->initial)
        buf_addf(to, " | `%s` | ", row->initial);
    else
        buf_lit(to, " | | ");
    buf_add(to, str_c(row->help));
    if (row->flags & OPTION_LATER)
        buf_lit(to, " *(accepted, not active yet)*");
    buf_lit(to, " |\n");
}

/* `with`: OPTION_CCR for claude-code-router's rows, 0 for our own. */
static void put_table(struct buf *to, const struct section *s, unsigned with)
{
    buf_lit(to, "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (const struct option *row = s->rows; row < s->rows + s->count; row++)
        if ((row->flags & OPTION_CCR) == with && !(row->flags & OPTION_HIDDEN))
            put_row(to, row);
}

/* The scenarios share one section: its table is printed once. */
static bool is_first(const struct section *in, const struct option *row)
{
    for (const struct option *r = in->rows; r < row; r++)
        if (r->sub == row->sub)
            return false;
    return true;
}

/* The tables of all sections in this one, and of those in them: four levels at most. */
static void put_sections(struct buf *to, const struct section *s)
{
    for (const struct option *row = s->rows; row < s->rows + s->count; row++) {
        if (!row->sub || row->flags & OPTION_CCR || !is_first(s, row))
            continue;
        buf_addf(to, "\n### `%s`\n\n%s.\n", row->sub->name, row->sub->help);
        put_table(to, row->sub, 0);
        put_sections(to, row->sub);
    }
}

/* --- presets ---------------------------------------------------------------------------------- */

static void put_name(struct buf *to, const char *sep, str name)
{
    buf_addf(to, "%s`" STR_FMT "`", sep, STR_ARG(name));
}

static void put_presets(struct buf *to)
{
    buf_lit(to, "\n## Known providers\n\n"
                "A provider of one of these names, or one whose `dialect` is such a name, needs no "
                "`baseURL`,\nand no `apiKey` where the variable is set. Of several ways the first "
                "that this build can speak is\ntaken; `weir check` says which.\n\n"
                "| name | key | dialect: base URL |\n| --- | --- | --- |\n");
    for (const struct preset *p = presets; p->name; p++) {
        str names = str_c(p->env);
        buf_addf(to, "| `%s` | ", p->name);
        for (bool first = true; names.n; first = false)
            put_name(to, first ? "" : ", ", str_cut(&names, ' '));
        buf_add(to, p->keyless ? STR("none is needed |") : STR(" |"));
        for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
            buf_addf(to, "%s %s: %s", i ? "," : "", p->ways[i].dialect,
                     *p->ways[i].base ? p->ways[i].base : "yours");
        buf_lit(to, " |\n");
    }
}

static void put_dialects(struct buf *to)
{
    buf_lit(to, "\nWire dialects a `dialect:` may name:");
    for (const struct wire *w = wires; w->name; w++)
        buf_addf(to, "%s `%s`", w == wires ? "" : ",", w->name);
    buf_lit(to,
            ". One this build has no\nback for is refused, with the list of those it has. A full "
            "endpoint URL is understood as `baseURL`\ntoo: the dialect's own path at its end is "
            "cut.\n");
}

static void put_ccr(struct buf *to)
{
    buf_add(to, str_c(ccr_intro));
    put_table(to, &option_root, OPTION_CCR);
    buf_lit(to, "\nIn a provider:\n");
    for (const struct option *row = option_root.rows; row < option_root.rows + option_root.count;
         row++)
        if (strcmp(row->key, "providers") == 0)
            put_table(to, row->sub, OPTION_CCR);
}

void conf_write_reference(struct buf *to)
{
    buf_add(to, str_c(intro));
    buf_lit(to, "\n## The file\n");
    put_table(to, &option_root, 0);
    put_sections(to, &option_root);
    put_presets(to);
    put_dialects(to);
    buf_add(to, str_c(proxies));
    put_ccr(to);
}
