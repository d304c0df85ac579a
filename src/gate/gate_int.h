/* SPDX-License-Identifier: Apache-2.0 */
/* gate_int - what the files of gate/ share; not for other folders. */
#pragma once
#include "base/rope.h"
#include "dialect/op.h"
#include "dialect/quirk.h"
#include "gate/alerts.h"
#include "gate/gate.h"
#include "gate/known_keys.h"
#include "gate/learned.h"
#include "gate/oauth.h"
#include "gate/pricing.h"
#include "gate/room.h"
#include "gate/rules.h"
#include "http/decode.h"
#include "http/frame.h"
#include "io/alarm.h"
#include "ir/filter.h"
#include "ir/kept.h"
#include "ir/recall.h"
#include "route/filter.h"
#include "route/plan.h"
#include "route/retry.h"
#include "route/warm.h"
#include "token/anchor.h"
#include "token/learn.h"
#include "token/prompt.h"

#define GATE_REQUEST_MAX    (96u << 20) /* bytes we write ourselves of one upstream request */
#define GATE_ANSWER_MAX     (64u << 20) /* a whole answer that must be read */
#define GATE_ERROR_BODY_MAX (256u << 10)
#define GATE_PRELUDE_MAX    (256u << 10) /* what may be held back before the commit point */
#define GATE_PAUSE_AT       (256u << 10) /* queued towards the client: the provider is paused (D5) */
#define GATE_PING_MS        15000        /* of silence in an open stream: U27 */
#define GATE_ATTEMPTS_MAX   8
#define GATE_NODES_MAX      (1u << 20) /* JSON values of a request body: J6 */
#define GATE_MESSAGES_MAX   100000
#define GATE_MODEL_MAX      256 /* bytes of a model's name: it goes into headers and logs */
#define GATE_OAUTH_MAX      64  /* credentials with tokens, over all reloads */
#define GATE_WIRES          64  /* pooled */

enum step { STEP_NEXT, STEP_WAIT, STEP_DONE };

/* A provider as this worker uses it. */
struct binding {
    struct oauth *oauth;           /* whose token is the key; NULL: keys of the configuration */
    const struct dialect *dialect; /* NULL: the demo */
    struct origin *origin;
    struct metric_provider *metric;
    struct retry_budget *budget; /* of calls that ask for the provider, not for a logical model */
    struct meter *meter;         /* of its `limits`, shared by all workers; NULL: it has none */
    struct dialect_opts opts; /* what the configuration says; quirk_fill adds the rest by model */
    struct quirk_set quirks;
    msec patience; /* until an answer begins, where another could be had; 0: as long as it takes */
};

/* How a call's route was found, where it was not by the model's own name. */
enum routed_kind {
    ROUTED_BY_MODEL,
    ROUTED_BY_SCENARIO,
    ROUTED_BY_SUBAGENT, /* claude-code-router's tag */
    ROUTED_BY_RULE,
    ROUTED_KINDS,
};

struct routed {
    enum routed_kind kind;
    str name; /* of the scenario; absent where there is none to tell */
};

/* What any target of a logical model is known to lack. */
struct route_able {
    bool made;
    unsigned lacking;             /* FILTER_… */
    uint64_t context, max_output; /* the least of those that are known; 0: none is */
};

/* One generation of the configuration on this worker. */
struct gen {
    struct snapshot *snap;
    struct binding *bindings;      /* by provider index */
    struct retry_budget **budgets; /* by index of logical models */
    struct metric_route **series;  /* the same */
    struct gen_alerts alerts;      /* what they ask, and what is counted for them */
    struct route_able *able;       /* the same; see ask.c */
    struct meter **meters;         /* those of the bindings; NULL: nobody has one */
    struct gate *gate;             /* whose worker's it is */
    struct probe *probes;          /* of providers that want them; nprobes of them */
    uint32_t nprobes;
    struct pricing pricing;
    struct gen_rules rules;
    struct known_keys known; /* whose key a text is */
    unsigned refs;
};

/* Buffers of a call while its request may still have to be sent again; pooled. */
struct wire {
    struct list link;
    struct buf head;   /* request head */
    struct rope body;  /* request body */
    struct buf answer; /* for a whole answer, while no call has it */
    struct iovec *iov; /* of both */
    size_t cap_iov;
};

struct attempt_record {
    const struct conf_provider *provider;
    str model;
    enum err error;  /* ERR_COUNT: it served */
    const char *why; /* for the log: static text, or NULL */
    str answer;      /* the beginning of one that was of no use (excerpt.c); absent: none */
    bool lost;       /* a hedge: another target answered first */
    bool broke;      /* it failed, and that counts against the target */
    uint16_t key;    /* which of the provider's */
    unsigned status;
    uint32_t ms;
};

enum call_phase { CALL_LOCAL, CALL_READING, CALL_SENDING, CALL_ANSWER, CALL_OVER };
/* STRANGE: of no use, read a little for the log. */
enum answer_mode { ANSWER_UNKNOWN, ANSWER_STREAM, ANSWER_BODY, ANSWER_ERROR, ANSWER_STRANGE };

/* Token ranks: read by the main thread once somebody needs them. */
enum ranks_state { RANKS_UNASKED, RANKS_ASKED, RANKS_HERE, RANKS_ABSENT };

struct gate_tokens {
    enum ranks_state ranks;
    struct token_counter counter;
    struct buf text; /* counter's scratch */
    struct lessons lessons;
    struct anchors *anchors; /* made with the first report; NULL: none yet, or no memory */
    msec asked;              /* when a count was asked for last; 0: never */
    unsigned since_sample;
};

struct demo;
struct downloads;
struct features;
struct images;
struct mirror;
struct pass;

/* What a call has besides, when it is no chat (dialect/op.h). */
struct operation {
    const struct op *row;
    struct pass *pass;           /* to one provider's own API; NULL: an operation of the table */
    const struct op_way *way;    /* of the candidate under way */
    str path_model;              /* where the path names one */
    struct op_form form;         /* the body, when it is one */
    struct embed_request *embed; /* decoded when a translation needs it */
    bool no_way;                 /* a target was left out: its provider has no such thing */
    str answer_type;             /* content-type of the answer, as it goes to the client */
};

struct call {
    struct exchange x; /* first: an exchange is its call */
    struct gate *gate;
    struct request *req;
    struct gen *gen;
    struct list link; /* gate->calls */
    enum call_phase phase;
    str id;
    const struct conf_key *key;
    bool admin; /* the caller showed the admin key; looked at for paths of ours only */

    /* the request */
    const struct dialect *front;
    struct operation *op; /* NULL: it is a chat */
    struct front_route froute;
    struct json_doc doc;
    struct json_doc asked;              /* … as the client sent it, when `continued` */
    bool continued;                     /* what it goes on from was put into `doc` */
    struct front_kept kept;             /* the answer, when it is whole and to be kept */
    const struct conf_provider *keeper; /* of what this goes on from; NULL: nobody, or unknown */
    struct ir_peek peek;
    struct ir_request *ir;          /* decoded when a translation needs it */
    struct features *features;      /* what was asked of it (gate/feature.h); NULL: nothing yet */
    const struct conf_route *route; /* where it is now: found.route or one of its fallbacks */
    struct routed routed_by;
    unsigned next_fallback;
    struct call_rules *rules;    /* what the operator's rules ask; NULL: there are none */
    struct route_policy *policy; /* what the caller asks of the choice; usually NULL */
    const struct conf_route **own_fallback; /* … and his own list of models; NULL: he has none */
    bool last_resort; /* the route's targets are all broken: to be tried when the fallbacks are */
    struct filter_needs needs;
    struct warmth *warmth;    /* of its prompt (warmth.c); NULL: nobody asked, or it has none */
    bool cold;                /* … and it will have none */
    bool counts_warmth;       /* its quotes count what is cached */
    struct quota_need need;   /* what it probably takes of rate limits */
    struct meter_share share; /* … and has taken, for the attempt under way */
    bool chooses;             /* targets are asked whether they can serve it */
    bool lenient;             /* … and what is not sure is let pass */
    enum plan_reason unfit;   /* why nobody of `unfit_route` can; REASON_FITS: not so */
    const struct conf_route *unfit_route;
    uint64_t window_over; /* only models whose context is longer than that are tried */
    enum err why;         /* of the plans that held nobody: what to answer, … */
    msec ready_at;        /* … and when the first of their targets may serve; 0: none was empty */
    bool crowded;         /* … of which some only had too many calls under way */
    struct room_place room;

    /* the attempt under way */
    struct candidate *cand;  /* NULL before the first; points to `chosen` */
    struct candidate chosen; /* a copy that is held: the plan may be another one by now */
    const struct binding *bind;
    struct known *known;               /* of the candidate's model; NULL: not asked for yet */
    struct dialect_opts opts;          /* of this target */
    const struct dialect_back *reader; /* of its answer */
    struct wire *wire;
    unsigned attempts;
    unsigned same_tries;
    unsigned left_out; /* tries without a parameter that was refused */
    msec attempt_began;
    msec attempt_content; /* when its first content came; 0: not yet, or all at once */
    msec deadline;
    bool impatient;                 /* the deadline is the client's own */
    bool firm;                      /* … or somebody's: it ends a stream that flows, too */
    msec silence;                   /* the client waits no longer for a byte; 0: no word of it */
    uint64_t retry_after_ms;        /* the shortest that a provider asked for; 0: none did */
    bool on_wire;                   /* an exchange is under way */
    bool same;                      /* the client's own dialect */
    bool as_mistral;                /* front_opts.as_mistral */
    unsigned remedies;              /* that transforms ask for: enum conf_remedy */
    struct oauth_waiter token_wait; /* for a provider's access token */
    bool token_renewed;             /* one was refused, and another fetched */
    struct images *images;          /* fetched for it (images.c); NULL: none was asked for */
    struct alarm alarm;             /* a wait before a retry, or for the end of a message */
    struct alarm keepalive;         /* pings in a silent stream */
    struct alarm hedge;             /* when a second attempt joins this one */
    struct call *twin;              /* hedge.c: the other attempt's; NULL: there is one */
    bool second, hedged;            /* this is the one that joined; there was one already */
    uint64_t hedge_tokens;          /* asked of targets whose answer nobody read */
    nanousd hedge_usd;              /* … and what they cost, … */
    bool hedge_unpriced;            /* … which of one of them nobody knows */
    bool record_open;               /* the last of `tried` has not ended */
    bool retrying;                  /* it counts as a retry of its route (route/budget.h) */
    bool draining, drained;         /* its client is gone, its answer is, or was, read: drain.c */
    bool sent_once;                 /* there is no room for it among those that may be sent again */
    uint64_t replay;                /* bytes that it holds of that room (replay.c) */
    struct demo *demo;

    /* the answer */
    enum answer_mode mode;
    unsigned status; /* of the provider */
    struct reply_facts facts;
    struct frame_parser frames;
    struct decoder inflate; /* content-encoding, when there is one */
    bool inflating;
    void *decoder, *encoder;
    bool reframes;    /* the encoder puts raw events into the client's framing, unread */
    struct buf held;  /* prelude of a stream, until its first content */
    struct buf whole; /* a body that is read to its end */
    struct ir_collect *collect;
    unsigned ids;                 /* made for calls that the provider gave none */
    struct recall_gather *gather; /* reasoning before a tool call, to be kept; NULL: none yet */
    bool restored, recalled;      /* kept reasoning was looked for; some was put back into `ir` */
    struct rescue *rescue;        /* NULL: an answer that breaks off is not gone on with */
    struct ir_chain *chain;       /* filters of the operator's; NULL: none */
    str first_events;             /* of the demo: what precedes the first word */
    str run;                      /* raw events that lie side by side in what was read */
    bool batch;                   /* gate->out and run hold what this read has brought so far */
    bool content;                 /* the first content was seen */
    bool committed;               /* … and went to the client: nothing may be retried */
    bool stream_out;              /* the head of a stream was given */
    bool ended;                   /* the terminal event was seen */
    bool answered;                /* all of the reply was given to the server: nothing may follow */
    bool paused;
    bool raw; /* the answer's bytes are no events: they go on as they come */
    bool cut; /* it was we who cut the client off, to say that the answer is not whole */
    msec last_out;
    struct fail fail; /* what a decoder said */
    bool failed;
    struct usage usage;
    struct charge charge; /* of the usage, from settling on */
    bool charged;

    /* accounting */
    usec mark_us; /* our own time runs since then; 0: the provider's turn */
    uint64_t own_us;
    uint64_t ttft_ms;
    uint64_t bytes_answer;
    uint64_t said, thought; /* bytes of text and of thoughts that came, still escaped */
    unsigned reply_status;
    enum err reply_error;               /* ERR_COUNT: none */
    const struct local_endpoint *local; /* the path is ours: no provider is asked */
    struct plan_trace *trace;           /* of its last plan, when that had a choice; or NULL */
    struct explain *shadow;             /* it is only asked about (explain.c): nothing is sent */
    struct mirror *mirror;              /* it is a copy that nobody waits for (mirror.h) */
    struct mirror_ear *ear;             /* its answer will be compared with that of a copy */
    bool counting;                      /* waits for the token ranks */
    bool counted;

    /* Tables of which a usual call uses a line each: they stand last and are born empty, not
     * zeroed (call_new), for that was half of what a call's birth cost. */
    struct attempt_record tried[GATE_ATTEMPTS_MAX]; /* `attempts` of them */
    struct conf_found found;
    struct plan plan;
    struct ir_lossy lossy;
};

struct gate {
    struct gate_setup set;
    struct loop *loop;
    struct server *server;
    struct client *client;
    struct alarms *alarms;
    struct alarm tick;
    struct gen *gen;
    struct board *board; /* of alerts; NULL: none yet */
    struct list calls;
    unsigned ncalls, ndrains; /* … and those of them whose client is gone */
    struct route_state route;
    struct recall *recall; /* reasoning of recent tool calls */
    struct kept *kept;     /* conversations that clients go on from by an id */
    struct oauth *oauths[GATE_OAUTH_MAX];
    unsigned noauths;
    struct past *past;       /* calls that are over; NULL: none had a choice yet */
    struct learned *learned; /* parameters that targets refused */
    struct warm *warm;       /* prompts in providers' caches; NULL: none was seen yet */
    struct dialect_scratch scratch;
    struct rand rand;
    struct buf out;   /* events on their way to a client, within one callback */
    struct buf lines; /* reply header lines */
    struct buf line;  /* an access log line */
    struct room room; /* calls that wait for it */
    struct list wires;
    unsigned nwires, nbig; /* in the pool; and those of them that keep a large buffer */
    uint64_t id_high, id_low;
    bool draining;
    struct gate_tokens tokens;
    struct downloads *downloads; /* NULL: none was needed yet */
    struct mirrors *mirrors;     /* the same */
};

/* wire.c */
struct wire *wire_take(struct gate *g);
void wire_give(struct gate *g, struct wire *w); /* accepts NULL */
void wire_free(struct wire *w);
/* c->whole is the wire's buffer for answers, where it has none of its own; and goes back. */
void wire_lend_answer(struct call *c);
void wire_return_answer(struct call *c);
/* In c->wire and c->x.iov; not all could be told, and the caller wants that; answered and over. */
enum wire_end { WIRE_READY, WIRE_WITHHELD, WIRE_OVER };
enum wire_end wire_write(struct call *c) MUST_CHECK;
bool decode_canonical(struct call *c); /* c->ir; false: the call is over */
bool decode_quietly(struct call *c,
                    struct fail *f); /* c->ir; false: nothing has happened, see *f */

/* c->opts of this candidate, without what was learned meanwhile. */
void usual_opts(struct call *c);

/* images.c: the bytes of what the client names by its URL, before the request is written. WAIT:
 * attempt_resume follows later; DONE: the call is over. */
enum step images_fetch(struct call *c);
void images_release(struct call *c); /* nothing refers to them any more */

/* What is known of the candidate's model; NULL: no memory. */
struct known *known_of_candidate(struct call *c);
/* The same of the last attempt's, which may have had another name for it. */
struct known *known_of_attempt(struct call *c);

/* transform.c: what the operator wants changed in this attempt's request, and in its answer */
unsigned transform_remedies(const struct call *c);            /* enum conf_remedy */
unsigned transform_filters(const struct call *c);             /* enum ir_filter_kind */
bool transform_request(struct call *c, struct ir_request *r); /* false: no memory */
bool transform_body(struct call *c, struct rope *body);       /* false: no memory, or no JSON */
void transform_headers(const struct call *c, struct buf *head);
str transform_target(const struct call *c); /* "provider/model", in the arena; for gate->learned */

/* policy.c: what the caller asks of the choice among targets */
bool policy_take(struct call *c); /* c->policy, where he does; false: answered */
enum plan_reason policy_fits(struct call *c, const struct conf_target *t);
const struct conf_route *policy_fallback(const struct call *c, unsigned i); /* NULL: no more */
void policy_fail(struct call *c); /* nobody is left, for c->unfit: answered */

/* thoughts.c: reasoning that the client does not send back */
void thoughts_event(struct call *c, const struct ir_event *ev);
void thoughts_keep(struct call *c);   /* the answer is whole */
void thoughts_forget(struct call *c); /* … or was not */
bool thoughts_decode(struct call *c);
bool thoughts_restore(struct call *c); /* true: c->ir holds some that the client's bytes have not */

/* turns.c: conversations that a client goes on from by the id of an answer */
/* What the call goes on from is looked for: c->keeper, or else all of it is in c->doc. False: that
 * is too much. */
bool turns_go_on(struct call *c);
bool turns_put_before(
    struct call *c); /* now all of it is in c->doc, if it is here; false: the same */
void turns_hear(struct call *c, jval last); /* same dialect: the end of an answer has passed */
void turns_keep(struct call *c);            /* the answer is whole */
void turns_forget(struct call *c, str id);  /* the client has deleted it: on every worker */
str turns_join(struct arena *a, const str *part, size_t n); /* one behind the other; absent: full */
str turns_owner(const struct call *c);                      /* whose answers this caller may name */
/* By a link's name; NULL: it can't be asked any more. */
const struct conf_provider *turns_keeper(const struct call *c, str name);

/* stored.c: answers that a client asks for again by their id */
bool stored_admit(struct call *c); /* false: answered */
void stored_serve(struct call *c);

/* gate.c */
void gen_unref(struct gen *gen);

/* call.c */
extern const struct server_ops gate_server_ops;
struct call *call_of(struct request *r);
void call_resume(struct call *c, unsigned stage);
bool call_put_before(struct call *c, struct fail *f); /* turns_put_before, and c->peek anew */
enum stage_id {
#define STAGE(name) STAGE_##name,
#include "gate/stages.def"
#undef STAGE
    STAGE_COUNT
};
#define STAGE(name) enum step stage_##name(struct call *c);
#include "gate/stages.def"
#undef STAGE
bool call_find_route(struct call *c); /* c->found; false: the call is over */
void call_fail_unknown_model(struct call *c, str model);
enum step call_bad_json(struct call *c, const struct json_error *e); /* answers; STEP_DONE */
void call_stop(struct call *c);    /* what an attempt owns and what it waits for; idempotent */
void call_release(struct call *c); /* stop everything it owns; before its request dies */

/* op.c: calls that are no chat */
void op_find(struct call *c); /* c->op and c->front, where the path is one's */
bool op_takes_type(const struct call *c, str content_type);
enum step op_decode(struct call *c);
struct candidate *op_plan_next(struct call *c); /* as plan_next, of those that can: c->op->way */
void op_start(struct call *c);                  /* an attempt that way */
bool op_fail_no_way(struct call *c);            /* nobody could: answered */
enum rc op_write_body(struct call *c, const struct back_call *bc, struct rope *to, struct fail *f);
void op_write_path(struct call *c, const struct back_call *bc, struct buf *to);
void op_write_headers(struct call *c, const struct back_call *bc, struct buf *to);
enum answer_mode op_mode(struct call *c, const struct h1_head *h);
/* The answer for the client, onto `to` where it is not the provider's own bytes. RC_SYNTAX: it
 * holds nothing that can be used. */
enum rc op_answer(struct call *c, jval root, struct rope *to, bool *ret_as_is);
void op_complete_usage(struct call *c);

static inline bool call_passes(const struct call *c)
{
    return c->op && c->op->pass;
}

/* warmth.c: prompts in providers' caches */
double warmth_at(struct call *c, const struct conf_target *t, uint32_t *ret_key); /* 0 to 1 */
bool warmth_is_expected(const struct call *c); /* was it, of the target that served? */
void warmth_learn(struct call *c);             /* its usage is complete */
void warmth_recall(struct gate *g);            /* of an earlier run, before the first call */

/* access.c: who may come in. True: go on; false: answered. */
bool access_admit(struct call *c);

/* local.c: endpoints that no provider serves. */
struct local_endpoint;
const struct local_endpoint *local_find(str path);     /* NULL: none */
bool local_takes_name(const struct local_endpoint *e); /* the path ends in a name of any kind */
bool local_is_admins(const struct local_endpoint *e);  /* where there is an admin key: its alone */
bool local_takes_body(const struct local_endpoint *e); /* POST besides GET */
bool local_is_api(const struct local_endpoint *e); /* without an admin key: this machine's alone */
void local_answer_json(struct call *c, unsigned status, struct rope *r); /* frees the rope */
void local_answer_text(struct call *c, unsigned status, str type, struct buf *body); /* too */
void models_serve(struct call *c);                                                   /* models.c */
void local_serve(struct call *c); /* c->local, or a token count: answers */

/* scenario.c: which model a kind of request goes to */
bool scenario_resolve(
    struct call *c);                /* c->found and c->routed_by; false: nobody knows the model */
void scenario_note(struct call *c); /* at the end: how long its prompt was */

/* explain.c */
void explain_serve(struct call *c);
void explain_fail(struct call *c, const struct fail *f); /* of a shadow, instead of an answer */

/* answer.c */
bool type_is_json(str content_type); /* "application/json; charset=utf-8", "application/x+json" */
/* Which kind of answer is this? UNKNOWN: none that can be used. */
enum answer_mode answer_mode_of(const struct call *c, const struct h1_head *h);
extern const struct exchange_ops gate_exchange_ops;

/* ask.c: what a plan asks about a call */
void call_ask(struct call *c, const struct conf_route *r, struct plan_ask *ret); /* c->route is r */
void ask_note_unfit(struct call *c, const struct conf_route *r, enum plan_reason why);
const struct conf_route *ask_go_lenient(struct call *c); /* once more, less strictly; NULL: no */
/* The prompt was too long for it: from now on only who has a larger window is tried. */
bool ask_move_up(struct call *c, const struct attempt_failure *f);
struct candidate *ask_plan_next(struct call *c); /* as plan_next, of those that are larger */
void ask_fail_unfit(struct call *c);             /* nobody can serve such a call: answered */

/* attempt.c */
struct attempt_record *attempt_record_of(struct call *c); /* of the attempt under way */
/* The client's own deadline, or its patience with silence, is what ended it. `connecting`: before
 * its request could leave. */
bool attempt_cut_by_client(const struct call *c, enum err kind, bool connecting);
void attempt_failed(struct call *c, const struct attempt_failure *f, const struct fail *fail);
void fail_for_client(struct fail *f);
void attempt_resume(
    struct call *c); /* the same attempt from its beginning: what it waited for is there */
void attempt_begin(struct call *c);   /* a record of c->cand is opened */
void attempt_content(struct call *c); /* the first content of an answer has come */
void attempt_answers(struct call *c); /* committed: the target serves, the record goes on */
void attempt_served(struct call *c);  /* the answer is whole: health is learned, the record ends */
void attempt_broke(struct call *c);   /* cut behind the commit point, see c->fail: the same */
/* The call ends for a reason that says nothing of the target: the record ends. No-op when ended. */
void attempt_drop(struct call *c, enum err why);
void attempt_release(struct call *c); /* the candidate and the plan are let go */

/* stream.c: an answer as events */
bool stream_begin(struct call *c);
bool stream_listen(struct call *c); /* of it: c->decoder alone; false: no memory */
void stream_bytes(struct call *c, const char *p, size_t n);
void stream_batch(struct call *c); /* one read's bytes are all here: pass on what came of them */
void stream_keepalive(struct call *c);             /* from now on a silence is filled with pings */
void stream_end(struct call *c);                   /* the provider's message is over */
void stream_broken(struct call *c, enum err kind); /* … or was cut */
void stream_last(struct call *c);                  /* the same, and with it the answer ends */
bool stream_flush(struct call *c);  /* what is ready for the client goes; false: the call is over */
bool stream_commit(struct call *c); /* false: the call is over */
void stream_say_error(struct call *c, const struct fail *f); /* in the stream, and end it */

/* body.c: an answer as one body; and the two forms an answer can be turned into */
bool body_bytes(struct call *c, const char *p, size_t n);
void body_end(struct call *c);
bool encoder_prepare(struct call *c);
struct front_opts front_opts_of(struct call *c);
bool collect_prepare(struct call *c, bool borrow);
void collect_reply(struct call *c);

/* tap.c: what passing events teach us */
bool tap_prepare(struct call *c); /* before an answer is decoded; false: no memory */
struct ir_sink call_tap(struct call *c);
void tap_emit(struct call *c, const struct ir_event *ev); /* to the client's form */
str call_without_key(struct call *c, str text); /* a provider may echo the key it was shown: F7 */
str call_secret(const struct call *c);          /* the longest credential this attempt has sent */

/* access_token.c: a provider's access token */
struct oauth *token_source(struct gate *g, const struct conf_provider *p); /* NULL: no memory */
str token_of(const struct call *c); /* the attempt's; absent: it uses none */
bool token_await(struct call *c);   /* true: attempt_resume or attempt_failed follows later */
bool token_renew(struct call *c, enum err kind); /* true: another is worth a try */

/* reply.c. After call_fail the call is over: it must not be touched. */
bool stream_reply_begin(struct call *c); /* false: the call is over */
void call_reply_lines(struct call *c, str content_type, struct buf *b);
str routed_kind(enum routed_kind kind);
str routed_text(const struct call *c); /* "scenario:think"; absent: by the model's name */
void call_weir_lines(struct call *c, struct buf *b);  /* of those, the ones every reply has */
void call_fail(struct call *c, const struct fail *f); /* before or after the commit point */
void call_fail_kind(struct call *c, enum err kind, str message, str code);
/* The last bytes are about to be given: no alarm may add to them. */
void call_answered(struct call *c);

/* settle.c */
/* Usage and charge of the attempt that is over; `least`: what it said of its answer's tokens. */
void settle_attempt(struct call *c, uint64_t least);
/* The attempt under way was sent, and nobody will read what comes of it: its prompt is paid for. */
void settle_waste(struct call *c);
void call_settle(struct call *c, bool client_gone);

/* count.c: /v1/messages/count_tokens and its kin */
bool count_at_provider(struct call *c); /* true: it is an operation now, and goes on as such */
void count_serve(struct call *c);
void count_go_on(struct gate *g); /* the ranks are here, or will not be */

/* tokens.c */
void tokens_init(struct gate *g);
void tokens_fini(struct gate *g);
bool tokens_want_ranks(struct gate *g); /* true: they are on their way */
/* Of c->ir; `p` may be NULL. Corrected by what was learned of the model. */
struct token_count tokens_of_prompt(struct call *c, const struct conf_provider *p, str model);
/* Of c->ir, counted exactly only where an estimate is too near `mark` to tell on which side it is.
 */
uint64_t tokens_near(struct call *c, const struct conf_provider *p, str model, uint64_t mark);
/* For where a dialect must name the prompt's tokens before the provider has: by its bytes. */
uint64_t tokens_estimate(struct call *c);
void tokens_fill_usage(struct call *c); /* what the provider did not report */
void tokens_learn(struct call *c);      /* from what it did */

/* demo.c */
void demo_start(struct call *c);

/* Retries of this call count here: by what it asked for, whoever serves it. */
static inline struct retry_budget *call_budget(const struct call *c)
{
    const struct conf_route *r = c->found.route;
    return r->logical ? c->gen->budgets[r->index] : c->gen->bindings[r->targets->provider].budget;
}
static inline void own_time_start(struct call *c)
{
    c->mark_us = loop_now_us();
}
static inline void own_time_stop(struct call *c)
{
    if (c->mark_us)
        c->own_us += loop_now_us() - c->mark_us;
    c->mark_us = 0;
}
