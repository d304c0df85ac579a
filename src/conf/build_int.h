/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_int - from the configuration as written (raw.h) to the snapshot: what its parts share.
 *
 * Order matters and is kept by conf_build: listeners and keys, then providers, then routes (which
 * name providers), then what names routes. Each part notes its faults and goes on; the caller looks
 * at the report once, at the end. RC_NOMEM is the only other failure.
 */
#pragma once
#include "conf/load.h"
#include "conf/preset.h"
#include "conf/raw.h"

struct builder {
    const struct conf_source *src;
    struct conf_report *report;
    struct arena *arena;
    const struct raw_root *raw;
    struct snapshot *s;
    str dir;      /* of the file; relative paths are meant from here */
    bool ccr;     /* a claude-code-router file: what it got wrong is forgiven, with a warning */
    bool no_file; /* nothing was written, so nothing can be a slip: defaults come from keys */
    const struct conf_fetch *fetch;  /* the file's fetchImages, for providers without their own */
    struct conf_provider *providers; /* s->providers while it is being filled */
};

struct place {
    uint32_t line, column;
};

/* RC_OK although faults were noted: they are in b->report, and b->s is not to be used then. */
enum rc conf_build(struct builder *b) MUST_CHECK;
enum rc build_providers(struct builder *b) MUST_CHECK;
enum rc build_routes(struct builder *b) MUST_CHECK;
enum rc build_alerts(struct builder *b) MUST_CHECK; /* build_alert.c */

/* build_routing.c, for build_routes: the settings of `routing` that are no names of models, before
 * those; what `stickyBy` says (*to stays where it says nothing); and what it all needs, at the end.
 */
struct routes; /* build_route.c: while names are being resolved */
/* One scenario: *ret stays where it names nothing, or nothing that is known (noted). */
enum rc build_slot(struct routes *x, const struct raw_slot *slot, const struct raw_texts *list,
                   const struct conf_route **ret) MUST_CHECK;
enum rc build_projects(struct builder *b, struct routes *x) MUST_CHECK; /* build_projects.c */
enum rc build_routing(struct builder *b) MUST_CHECK;
enum rc build_sticky(struct builder *b, struct place at, str text,
                     struct conf_sticky *to) MUST_CHECK;
void build_needs(struct builder *b);

/* build_route.c, for build_rules: the route of a name, a logical model's or one target's. *ret
 * NULL: none, and that was noted. */
struct routes;
enum rc build_find_route(struct routes *x, struct place at, str name,
                         struct conf_route **ret) MUST_CHECK;
/* build_rule.c: routing.rules, once the models are there. */
enum rc build_rules(struct builder *b, struct routes *routes) MUST_CHECK;
typedef void build_target_fn(const struct conf_target *t, void *arg);
/* Each target that only a rule names. */
void build_rule_targets(const struct conf_rules *rules, build_target_fn *fn, void *arg);
/* build_when.c: the conditions at `n`; *ret stays where there are none. `rules` counts the dice,
 * *needs gathers ROUTING_NEEDS_*. */
enum rc build_when(struct builder *b, const struct conf_node *n, struct conf_rules *rules,
                   unsigned *needs, const struct conf_cond **ret) MUST_CHECK;
bool build_percent(str text, uint32_t *ret); /* "10%", "10": parts of a million */
/* verify.c: aborts where a snapshot that was built without a fault breaks a promise of snapshot.h.
 */
void conf_verify(const struct snapshot *s);

/* The place of `key` in the section that stood at `node`; of the section when the key is not there.
 * node may be NULL: line 0. */
struct place place_of(const struct conf_node *node, const char *key);
/* Of item i of a list of texts. */
struct place place_of_item(const struct raw_texts *list, uint32_t i);

/* A fault refuses the file; a warning is said once and the file is served. A message names what was
 * found, then the mend: "…; add it", "…; did you mean 'x'?". It never shows a secret, and what it
 * quotes goes through conf_brief first. */
#define BUILD_FAULT(b, place_, ...) \
    conf_note((b)->report, CONF_ERROR, (place_).line, (place_).column, __VA_ARGS__)
#define BUILD_WARN(b, place_, ...) \
    conf_note((b)->report, CONF_WARNING, (place_).line, (place_).column, __VA_ARGS__)

/* A path of the file, from the file's own folder when it is relative. Absent: out of memory. */
str build_path(struct builder *b, str path);
/* As build_path; also notes a fault when it cannot be read. */
str build_readable(struct builder *b, struct place at, const char *what, str path);
/* A name fit for an address: not empty, short, no control characters, none of `refused`. */
bool build_name_ok(struct builder *b, struct place at, const char *what, str name,
                   const char *refused);

/* The proxy for one origin: the provider's own setting, the file's, the environment's. */
enum rc build_proxy(struct builder *b, const struct raw_provider *raw,
                    const struct conf_origin *origin, const struct conf_proxy **ret) MUST_CHECK;

/* build_aws.c: the region in the language's URL and of the provider; its AWS keys, given or of the
 * environment. After build_language, in this order, around the provider's other keys. False: it
 * cannot be reached, and that was noted. */
struct language;
bool build_region(struct builder *b, const struct raw_provider *raw, struct language *l,
                  struct conf_provider *p);
enum rc build_aws_keys(struct builder *b, const struct raw_provider *raw, const struct language *l,
                       struct conf_provider *p) MUST_CHECK;
bool build_region_is_known(const struct builder *b); /* from the environment alone */

/* build_vertex.c: the address of a provider on Vertex AI, where its URL does not say it all. False:
 * it cannot be reached, and that was noted. Nothing for all others. */
bool build_vertex(struct builder *b, const struct raw_provider *raw, struct language *l,
                  struct conf_provider *p);

/* build_regions.c: names of regions, checked against those that the providers have. */
struct conf_regions build_regions(struct builder *b, const struct raw_texts *raw);

/* What claude-code-router's `transformer` says about the language. */
struct ccr_language {
    str dialect; /* wire dialect or preset; absent: nothing said */
    bool bearer;
    bool vertex_chat;
    const struct conf_node *account; /* vertex-openai's options, where they hold a key; or NULL */
    struct conf_transforms transforms;
};
enum rc ccr_read_transformer(struct builder *b, const struct conf_node *n,
                             struct ccr_language *ret) MUST_CHECK;
/* Do the file's top-level keys show that it was written for claude-code-router? */
bool ccr_is_file(const struct conf_node *root);

/* Why a header may not be set by the operator; NULL: it may. */
const char *build_header_fault(str name, str value);

/* build_oauth.c: tokens instead of a key; *ret NULL: none are asked for. `account` is a
 * transformer's options, used where the provider itself says nothing; or NULL. */
enum rc build_oauth(struct builder *b, const struct raw_provider *raw,
                    const struct conf_node *account, const struct conf_oauth **ret) MUST_CHECK;

/* build_fetch.c: where images are fetched from; *ret NULL: nowhere. */
enum rc build_fetch(struct builder *b, const struct raw_texts *list,
                    const struct conf_fetch **ret) MUST_CHECK;

/* build_transform.c: what `n` (a list, or one entry; NULL: nothing) asks for, added to *to. */
enum rc build_transforms(struct builder *b, const struct conf_node *n,
                         struct conf_transforms *to) MUST_CHECK;
/* The edits that stand among the other members of a rule: `set`, `delete`, `headers` … */
enum rc build_transform_members(struct builder *b, const struct conf_node *map,
                                struct conf_transforms *to) MUST_CHECK;
/* A transformer of claude-code-router's, for one model of the provider (absent: for all).
 * *ret_found false: there is none of that name. `options` may be NULL; `at` is where it stands. */
enum rc build_transformer(struct builder *b, str name, const struct conf_node *options,
                          const struct conf_node *at, str model, struct conf_transforms *to,
                          bool *ret_found) MUST_CHECK;

/* build_price.c: the models a provider serves, and whose prices it asks. */
enum rc build_served(struct builder *b, const struct raw_provider *raw,
                     struct conf_provider *p) MUST_CHECK;
enum rc build_catalogue(struct builder *b) MUST_CHECK;
/* A URL that weir itself calls, by the file's proxy and authorities. It may hold a secret. to->text
 * is absent when a fault was noted. */
enum rc build_remote(struct builder *b, struct place at, const char *what, const struct secret *url,
                     struct conf_remote *to) MUST_CHECK;

/* build_language.c: which language a provider speaks, and where. */
struct language {
    const struct preset *preset;       /* NULL: none known */
    str wire;                          /* absent: none this build can speak; a fault was noted */
    str url;                           /* the base or endpoint to use; absent: none is known */
    bool own_host;                     /* the URL is the preset's own: its key may be sent there */
    bool bearer;                       /* claude-code-router's UseBearer */
    bool vertex_chat;                  /* its vertex-openai: Chat at Vertex AI … */
    const struct conf_node *account;   /* … and whose tokens are sent there; or NULL */
    struct conf_transforms transforms; /* … and its transformers that are no language */
};
enum rc build_language(struct builder *b, const struct raw_provider *raw,
                       struct language *ret) MUST_CHECK;

/*
 * "provider/model", "provider,model" or a bare model. How much is believed:
 *
 *   WRITTEN   a name in a configuration. A slash behind no provider's name is a slip, unless a
 *             provider lists the whole as a model; a bare model may go to the only provider.
 *   KNOWN     a request. Some provider lists the model, or it has one of a known provider's names.
 *   GUESSED   a request that nothing else takes. To the only provider, if it lists nothing.
 */
enum direct_trust { DIRECT_WRITTEN, DIRECT_KNOWN, DIRECT_GUESSED };
enum direct { DIRECT_FOUND, DIRECT_NO_PROVIDER, DIRECT_AMBIGUOUS, DIRECT_UNKNOWN };
enum direct conf_find_direct(const struct snapshot *s, str name, enum direct_trust trust,
                             struct conf_target *ret);
