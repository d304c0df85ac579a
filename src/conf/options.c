/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the option table: every key of a configuration, in the order docs/config.md shows them.
 *
 * A new option is a row here and a field in raw.h; what it does stands in build*.c. Help texts are
 * English sentences without a final stop. Defaults are written as a user would write them.
 */
#include "conf/raw.h"

#define ROWS(a) a, ARRAY_LEN(a)

/* --- words ------------------------------------------------------------------------------------ */

static const struct option_word auth_words[] = {
    {"dialect", true, "as the dialect does it"},
    {"bearer", true, "Authorization: Bearer KEY"},
    {"x-api-key", true, "x-api-key: KEY"},
    {"api-key", true, "api-key: KEY"},
    {0},
};

/* In the order of the enums in snapshot.h, without their first (UNSAID): build_provider.c adds one
 * to the index. The static asserts below notice a word more or less, not two that changed places.
 */
static const struct option_word max_tokens_words[] = {
    {"max_tokens", true, "the old name of the limit"},
    {"max_completion_tokens", true, "the new one"},
    {0},
};

static const struct option_word effort_words[] = {
    {"none", true, "not at all"},
    {"reasoning_effort", true, "a word: low, medium, high"},
    {"reasoning", true, "an object with effort or max_tokens, as OpenRouter"},
    {"thinking", true, "an object with type, as GLM"},
    {"enable_thinking", true, "true or false, as Qwen"},
    {"thinking_and_effort", true, "both, as DeepSeek"},
    {"high_or_none", true, "reasoning_effort as a switch, as Mistral"},
    {0},
};

static const struct option_word thoughts_words[] = {
    {"none", true, "not at all"},
    {"reasoning_content", true, "as DeepSeek and most"},
    {"reasoning", true, "as gpt-oss at Groq"},
    {"reasoning_details", true, "with signatures, as OpenRouter"},
    {"parts", true, "among the parts of the content, as Mistral"},
    {0},
};

/* Each list has a row that ends it, which makes up for the enum's UNSAID. */
#define AS_LONG(words, last) \
    _Static_assert(ARRAY_LEN(words) == (size_t)(last) + 1, "a word for each, in the enum's order")
AS_LONG(max_tokens_words, CONF_MAXTOK_NEW);
AS_LONG(effort_words, CONF_EFFORT_SWITCH);
AS_LONG(thoughts_words, CONF_REPLAY_PARTS);

static const struct option_word count_words[] = {
    {"weir", true, "weir counts or estimates"},
    {"provider", true, "it is asked itself, where its language is the client's"},
    {0},
};
static const struct option_word mid_system_words[] = {
    {"keep", true, "as they are"},
    {"user", true, "as the user's text in <system> tags"},
    {0},
};
AS_LONG(mid_system_words, CONF_MID_USER);

static const struct option_word level_words[] = {
    {"error", true, "what someone must look at"},
    {"warn", true, "what may become an error"},
    {"info", true, "starts, stops, reloads"},
    {"debug", true, "everything, never a body or a key"},
    {0},
};

static const struct option_word format_words[] = {
    {"json", true, "one JSON object a line"},
    {"text", true, "for eyes"},
    {0},
};

static const struct option_word period_words[] = {
    {"day", true, "UTC days"},
    {"week", true, "from Monday"},
    {"month", true, "calendar months"},
    {"total", true, "never starts anew"},
    {0},
};

/* --- process ---------------------------------------------------------------------------------- */

#define AT(field) offsetof(struct raw_tls, field)
static const struct option tls_rows[] = {
    {"cert", OPTION_TEXT, OPTION_REQUIRED, AT(cert),
     .help = "PEM file with the certificate chain; watched, a new one is in force at once"},
    {"key", OPTION_TEXT, OPTION_REQUIRED, AT(key),
     .help = "PEM file with the private key; watched too"},
};
#undef AT

#define AT(field) offsetof(struct raw_limits, field)
static const struct option limits_rows[] = {
    {"body", OPTION_BYTES, 0, AT(body), "32MiB", 1024, 1ull << 30,
     .help = "longest request body; a longer one is refused with 413"},
    {"bodyRate", OPTION_BYTES, 0, AT(body_rate), "1KiB", 0, 1ull << 30,
     .help = "bytes a second a body must bring after clientTimeouts.bodyGrace; 0 switches it off"},
    {"connections", OPTION_U32, 0, AT(connections), "0", 0, 1000000,
     .help = "client connections at once; 0: as many as file descriptors allow"},
    {"responses", OPTION_BYTES, 0, AT(responses), "16MiB", 0, 1ull << 30,
     .help =
         "memory in which each worker keeps answers and conversations for /v1/responses/{id} and "
         "previous_response_id; the oldest go first, each after a day; 0 keeps none"},
    {"image", OPTION_BYTES, 0, AT(image), "10MiB", 1024, 64ull << 20,
     .help = "longest image or PDF that is fetched (`fetchImages`)"},
    {"images", OPTION_BYTES, 0, AT(images), "32MiB", 1024, 64ull << 20,
     .help = "all that are fetched for one call"},
    {"replay", OPTION_BYTES, 0, AT(replay), "256MiB", 0, 1ull << 40,
     .help =
         "bytes of requests, of all workers, that may be waiting for their answers to begin and "
         "are sent again if need be; what does not fit is sent once, and never retried"},
};
#undef AT

#define HOURS(n)  ((n)*3600000ull)
#define AT(field) offsetof(struct raw_client_timeouts, field)
static const struct option client_timeouts_rows[] = {
    {"header", OPTION_MSEC, 0, AT(header), "10s", 1, HOURS(1),
     .help = "from the first byte of a request to the end of its head"},
    {"bodyGrace", OPTION_MSEC, 0, AT(body_grace), "10s", 1, HOURS(1),
     .help = "how long a body may come slower than limits.bodyRate"},
    {"bodyTotal", OPTION_MSEC, 0, AT(body_total), "10m", 1, HOURS(24), .help = "the whole body"},
    {"keepAlive", OPTION_MSEC, 0, AT(keep_alive), "75s", 1, HOURS(24),
     .help = "an idle connection between two requests"},
    {"write", OPTION_MSEC, 0, AT(write), "60s", 1, HOURS(24),
     .help = "a client that takes nothing for so long is gone"},
    {"handshake", OPTION_MSEC, 0, AT(handshake), "10s", 1, HOURS(1), .help = "TLS with a client"},
};
#undef AT

/* Twice: with the defaults for all providers, and without (0: as for all) for one. */
#define TIMEOUT_ROWS(connect_, tls_, first_byte_, idle_, total_)                                \
    {"connect", OPTION_MSEC, 0,        offsetof(struct raw_timeouts, connect),                  \
     connect_,  1,           HOURS(1), .help = "until the provider accepts the connection"},    \
        {"tls", OPTION_MSEC, 0,        offsetof(struct raw_timeouts, tls),                      \
         tls_,  1,           HOURS(1), .help = "the TLS handshake"},                            \
        {"firstByte", OPTION_MSEC,                                                              \
         0,           offsetof(struct raw_timeouts, first_byte),                                \
         first_byte_, 1,                                                                        \
         HOURS(24),   .help = "from the end of the request to the first byte of the answer"},   \
        {"idle", OPTION_MSEC, 0,         offsetof(struct raw_timeouts, idle),                   \
         idle_,  1,           HOURS(24), .help = "between two pieces of the answer"},           \
        {"total",                                                                               \
         OPTION_MSEC,                                                                           \
         0,                                                                                     \
         offsetof(struct raw_timeouts, total),                                                  \
         total_,                                                                                \
         1,                                                                                     \
         HOURS(24),                                                                             \
         .help = "the whole call, all attempts together; where nobody says how long, a stream " \
                 "that flows may take longer"},

static const struct option timeouts_rows[] = {TIMEOUT_ROWS("3s", "5s", "60s", "60s", "10m")};
static const struct option provider_timeouts_rows[] = {TIMEOUT_ROWS(NULL, NULL, NULL, NULL, NULL)};

#define AT(field) offsetof(struct raw_drain, field)
static const struct option drain_rows[] = {
    {"timeout", OPTION_MSEC, 0, AT(timeout), "30s", 0, HOURS(24),
     .help = "after SIGTERM, how long running calls may take to end"},
    {"lameDuck", OPTION_MSEC, 0, AT(lame_duck), "1s", 0, HOURS(1),
     .help = "after SIGTERM, how long new calls are still taken while /readyz says no"},
};
#undef AT

#define AT(field) offsetof(struct raw_log, field)
static const struct option log_rows[] = {
    {"level", OPTION_WORD, OPTION_LATER, AT(level), "info", .words = level_words,
     .help = "the least to say"},
    {"format", OPTION_WORD, OPTION_LATER, AT(format), "json", .words = format_words,
     .help = "of the program's log and of the access log"},
    {"to", OPTION_TEXT, OPTION_LATER, AT(to), "stderr",
     .help = "the program's log: `stderr`, `stdout`, `off` or a file"},
    {"access", OPTION_TEXT, 0, AT(access), "stdout",
     .help = "one record a call: `stdout`, `stderr`, `off` or a file (made anew when it was moved "
             "away); another place takes a restart"},
};
#undef AT

static const struct section tls_section = {"tls", "TLS towards clients", sizeof(struct raw_tls),
                                           ROWS(tls_rows)};
static const struct section limits_section = {"limits", "What a client may send",
                                              sizeof(struct raw_limits), ROWS(limits_rows)};
static const struct section client_timeouts_section = {
    "clientTimeouts", "How long weir waits for clients", sizeof(struct raw_client_timeouts),
    ROWS(client_timeouts_rows)};
static const struct section timeouts_section = {"timeouts", "How long weir waits for providers",
                                                sizeof(struct raw_timeouts), ROWS(timeouts_rows)};
static const struct section provider_timeouts_section = {
    "providers[].timeouts", "As `timeouts`, for this provider; what is left out is as there",
    sizeof(struct raw_timeouts), ROWS(provider_timeouts_rows)};
static const struct section drain_section = {"drain", "The end of the process",
                                             sizeof(struct raw_drain), ROWS(drain_rows), "timeout"};
static const struct section log_section = {"log", "What is written where", sizeof(struct raw_log),
                                           ROWS(log_rows)};

/* --- providers -------------------------------------------------------------------------------- */

#define AT(field) offsetof(struct raw_rates, field)
static const struct option rates_rows[] = {
    {"rpm", OPTION_COUNT, 0, AT(rpm), NULL, 1, 1ull << 40, .help = "requests a minute"},
    {"tpm", OPTION_COUNT, 0, AT(tpm), NULL, 1, 1ull << 40, .help = "tokens a minute"},
    {"concurrency", OPTION_U32, 0, AT(concurrency), NULL, 1, 1000000, .help = "calls at once"},
};
#undef AT
static const struct section provider_rates_section = {
    "providers[].limits", "What the provider allows, all its keys together",
    sizeof(struct raw_rates), ROWS(rates_rows)};
static const struct section key_rates_section = {"keys[].limits", "What the key's holder may use",
                                                 sizeof(struct raw_rates), ROWS(rates_rows)};

#define AT(field) offsetof(struct raw_quirks, field)
static const struct option quirks_rows[] = {
    {"maxTokens", OPTION_WORD, 0, AT(max_tokens), .words = max_tokens_words,
     .help = "the name of the limit of an answer's length"},
    {"effort", OPTION_WORD, 0, AT(effort), .words = effort_words,
     .help = "how thinking is asked for"},
    {"thoughts", OPTION_WORD, 0, AT(replay), .words = thoughts_words,
     .help = "how earlier thoughts go back"},
    {"midSystem", OPTION_WORD, 0, AT(mid_system), .words = mid_system_words,
     .help = "system messages after the first turn"},
    {"maxTemperature", OPTION_DOUBLE, 0, AT(max_temperature), NULL, 0, 2,
     .help = "a higher temperature is lowered to this"},
    {"refuses", OPTION_TEXTS, 0, AT(refuses),
     .help = "what is not sent to it: parameters, and the names docs/providers.md lists"},
    {"accepts", OPTION_TEXTS, 0, AT(accepts),
     .help = "what is sent although weir thinks that it is refused"},
};
#undef AT
static const struct section quirks_section = {
    "providers[].quirks",
    "How a provider deviates from its dialect. What is left out, weir knows or assumes "
    "(docs/providers.md)",
    sizeof(struct raw_quirks), ROWS(quirks_rows)};

#define AT(field) offsetof(struct raw_provider, field)
static const struct option provider_rows[] = {
    {"name", OPTION_TEXT, OPTION_REQUIRED, AT(name),
     .help = "what models, logs and metrics call it; a known provider's name needs little else"},
    {"apiKey", OPTION_SECRETS, 0, AT(keys),
     .help = "its key; a list makes a key pool; a known provider's is taken from its environment "
             "variable when left out"},
    {"baseURL", OPTION_TEXT, 0, AT(base_url),
     .help = "the base of its API as its own documents give it; known providers need none"},
    {"dialect", OPTION_TEXT, 0, AT(dialect),
     .help =
         "the language it speaks (`openai`, `anthropic`, ...) or the known provider it is like"},
    {"models", OPTION_SECTIONS, 0, AT(models), .sub = &option_served,
     .help = "the models it serves; without a list it is asked for any model addressed to it"},
    {"prices", OPTION_TEXT, 0, AT(prices),
     .help =
         "whose prices count: a provider of the catalogue, `free`, or `unknown`; by its host or "
         "name when left out"},
    {"enabled", OPTION_BOOL, 0, AT(enabled), "true", .help = "false takes it out of all routes"},
    {"region", OPTION_TEXT, 0, AT(region),
     .help = "where it runs; of Bedrock the AWS region (`us-east-1`), of Vertex AI the location "
             "(`global` when left out), which makes its address"},
    {"project", OPTION_TEXT, 0, AT(project),
     .help = "the Google Cloud project, for Vertex AI; taken from GOOGLE_CLOUD_PROJECT when left "
             "out"},
    {"aws", OPTION_SECTIONS, 0, AT(aws), .sub = &option_aws,
     .help = "AWS keys instead of an apiKey, for Bedrock; taken from AWS_ACCESS_KEY_ID, "
             "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN when both are left out"},
    {"limits", OPTION_SECTION, 0, AT(limits), .sub = &provider_rates_section,
     .help = "what the provider allows"},
    {"probe", OPTION_SECTION, 0, AT(probe), .sub = &option_probe,
     .help = "a request without tokens while it is out, so that it is back sooner"},
    {"onDisconnect", OPTION_WORD, 0, AT(on_disconnect), "cancel", .words = option_disconnect_words,
     .help = "what becomes of an answer whose client has left, see "
             "[recovery](routing.md#recovery)"},
    {"timeouts", OPTION_SECTION, 0, AT(timeouts), .sub = &provider_timeouts_section,
     .help = "how long weir waits for it"},
    {"serviceAccount", OPTION_SECRET, 0, AT(service_account),
     .help =
         "Google's service account instead of an apiKey, for Vertex: the path of its JSON file, "
         "or the JSON itself"},
    {"entra", OPTION_SECTION, 0, AT(entra), .sub = &option_entra,
     .help = "tokens of Microsoft Entra instead of an apiKey, for Azure"},
    {"auth", OPTION_WORD, 0, AT(auth), "dialect", .words = auth_words,
     .help = "how the key is sent"},
    {"headers", OPTION_PAIRS, 0, AT(headers), .help = "headers added to every request"},
    {"apiVersion", OPTION_TEXT, 0, AT(api_version),
     .help = "Azure's api-version; with it, models are asked for as deployments"},
    {"anthropicVersion", OPTION_TEXT, 0, AT(anthropic_version),
     .help = "value of the anthropic-version header, where the client sent none"},
    {"countTokens", OPTION_WORD, 0, AT(count_tokens), "weir", .words = count_words,
     .help = "who answers count_tokens for its models"},
    {"quirks", OPTION_SECTION, 0, AT(quirks), .sub = &quirks_section,
     .help = "how it deviates from its dialect"},
    {"proxy", OPTION_SECRET, 0, AT(proxy),
     .help = "`http://[user:password@]host:port`, or `none` for no proxy at all"},
    {"caFile", OPTION_TEXT, 0, AT(ca_file), .help = "PEM file of the authorities trusted for it"},
    {"fetchImages", OPTION_TEXTS, 0, AT(fetch_images),
     .help = "as the file's `fetchImages`, instead of it; `[]` fetches none"},
    {"tlsVerify", OPTION_BOOL, 0, AT(tls_verify), "true",
     .help = "false trusts any certificate: for tests only"},
    {"transforms", OPTION_RAW, 0, AT(transforms),
     .help = "edits of its requests and answers, see [transforms](transforms.md)"},
    {"api_base_url", OPTION_TEXT, OPTION_CCR | OPTION_EMPTY_OK, AT(endpoint_url),
     .help = "full URL of the chat endpoint"},
    {"api_key", OPTION_SECRETS, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr_keys), .help = "as apiKey"},
    {"transformer", OPTION_RAW, OPTION_CCR, AT(transformer),
     .help =
         "`use` names the dialect (`Anthropic`, `gemini`, `deepseek`, ...), and what else is to "
         "be done, see [transforms](transforms.md)"},
    {"tokenizer", OPTION_RAW, OPTION_CCR | OPTION_LATER, AT(tokenizer),
     .help = "tokens are counted by weir itself"},
};
#undef AT
const struct section option_provider = {"providers[]",
                                        "Who serves models. A list; or a map from name to the rest",
                                        sizeof(struct raw_provider),
                                        ROWS(provider_rows),
                                        "name",
                                        "name"};

/* --- keys ------------------------------------------------------------------------------------- */

#define AT(field) offsetof(struct raw_metrics, field)
static const struct option metrics_rows[] = {
    {"enabled", OPTION_BOOL, 0, AT(enabled), "true",
     .help = "weir always measures; `false` has no effect"},
    {"collect", OPTION_TEXTS, 0, AT(collect),
     .help = "weir always measures all; a list is allowed"},
    {"alerts", OPTION_SECTIONS, 0, AT(alerts), .sub = &option_alert,
     .help = "as the top-level `alerts`"},
};
#undef AT
static const struct section metrics_section = {"metrics", "Alerts may stand here too",
                                               sizeof(struct raw_metrics), ROWS(metrics_rows),
                                               "collect"};

#define AT(field) offsetof(struct raw_budget, field)
static const struct option budget_rows[] = {
    {"usd", OPTION_USD, OPTION_REQUIRED, AT(usd), NULL, 0, 1000000000,
     .help = "the most it may cost"},
    {"per", OPTION_WORD, 0, AT(per), "month", .words = period_words, .help = "in which time"},
};
#undef AT
static const struct section budget_section = {"keys[].budget", "Money the key's holder may spend",
                                              sizeof(struct raw_budget), ROWS(budget_rows)};

#define AT(field) offsetof(struct raw_key, field)
static const struct option key_rows[] = {
    {"name", OPTION_TEXT, 0, AT(name),
     .help = "for logs and the ledger; `key-1` and so on when left out"},
    {"key", OPTION_SECRET, OPTION_REQUIRED, AT(key), .help = "what the client sends"},
    {"models", OPTION_TEXTS, 0, AT(models),
     .help = "the models it may call; a trailing `*` matches the rest; all when left out"},
    {"regions", OPTION_TEXTS, 0, AT(regions), .help = "where its calls may be served"},
    {"budget", OPTION_SECTION, OPTION_LATER, AT(budget), .sub = &budget_section, .help = "money"},
    {"limits", OPTION_SECTION, OPTION_LATER, AT(limits), .sub = &key_rates_section,
     .help = "rates"},
    {"timeout", OPTION_MSEC, 0, AT(timeout), NULL, 1, HOURS(24),
     .help = "the most that a call of its may take, as `timeouts.total`"},
};
#undef AT
static const struct section key_section = {
    "keys[]",
    "Who may call. A list; or a map from name to the rest; a plain text is its `key`",
    sizeof(struct raw_key),
    ROWS(key_rows),
    "key",
    "name"};

#define AT(field) offsetof(struct raw_admin, field)
static const struct option admin_rows[] = {
    {"key", OPTION_SECRET, OPTION_REQUIRED, AT(key),
     .help = "with one, `/metrics` and the details of `/health` and `/readyz` are for who sends it "
             "(`Authorization: Bearer KEY`) alone; it is no key for calls"},
};
#undef AT
static const struct section admin_section = {"admin", "Who may see it all",
                                             sizeof(struct raw_admin), ROWS(admin_rows), "key"};

#define AT(field) offsetof(struct raw_security, field)
static const struct option security_rows[] = {
    {"apiKeys", OPTION_PAIRS, 0, AT(api_keys),
     .help = "from the name of a provider to its key: each makes the provider available"},
};
#undef AT
static const struct section security_section = {"security", "Keys of providers, all in one place",
                                                sizeof(struct raw_security), ROWS(security_rows)};

/* --- the file --------------------------------------------------------------------------------- */

#define CCR_IGNORED(name, why)                                                      \
    {                                                                               \
        name, OPTION_RAW, OPTION_CCR | OPTION_LATER, AT(ccr.ignored), .help = (why) \
    }
#define AT(field) offsetof(struct raw_root, field)
static const struct option root_rows[] = {
    {"listen", OPTION_TEXTS, 0, AT(listen),
     .help = "`address:port`, or a list of up to 8; 127.0.0.1:3456 when left out; an address that "
             "others can reach needs `keys`; takes a restart"},
    {"workers", OPTION_U32, 0, AT(workers), "0", 0, 256,
     .help = "threads; 0: one a core; takes a restart"},
    {"tls", OPTION_SECTION, 0, AT(tls), .sub = &tls_section, .help = "TLS towards clients"},
    {"providers", OPTION_SECTIONS, 0, AT(providers), .sub = &option_provider,
     .help = "who serves models"},
    {"models", OPTION_SECTIONS, 0, AT(models), .sub = &option_model, .help = "logical models"},
    {"routing", OPTION_SECTION, 0, AT(routing), .sub = &option_routing,
     .help = "how a call finds its target"},
    {"catalogue", OPTION_SECTION, 0, AT(catalogue), .sub = &option_catalogue,
     .help = "where prices and limits of models come from"},
    {"catalog", OPTION_SECTION, OPTION_HIDDEN, AT(catalogue), .sub = &option_catalogue,
     .help = "as catalogue"},
    {"keys", OPTION_SECTIONS, 0, AT(keys), .sub = &key_section, .help = "who may call"},
    {"admin", OPTION_SECTION, 0, AT(admin), .sub = &admin_section, .help = "who may see it all"},
    {"alerts", OPTION_SECTIONS, 0, AT(alerts), .sub = &option_alert,
     .help = "what to do when a figure is bad"},
    {"metrics", OPTION_SECTION, 0, AT(metrics), .sub = &metrics_section,
     .help = "alerts may stand here too"},
    {"security", OPTION_SECTION, 0, AT(security), .sub = &security_section,
     .help = "keys of providers, all in one place"},
    {"timeouts", OPTION_SECTION, 0, AT(timeouts), .sub = &timeouts_section,
     .help = "how long weir waits for providers"},
    {"clientTimeouts", OPTION_SECTION, 0, AT(client_timeouts), .sub = &client_timeouts_section,
     .help = "how long weir waits for clients"},
    {"limits", OPTION_SECTION, 0, AT(limits), .sub = &limits_section,
     .help = "what a client may send"},
    {"drain", OPTION_SECTION, 0, AT(drain), .sub = &drain_section,
     .help = "the end of the process; a plain duration is its `timeout`"},
    {"log", OPTION_SECTION, 0, AT(log), .sub = &log_section, .help = "what is written where"},
    {"proxy", OPTION_SECRET, 0, AT(proxy),
     .help = "`http://[user:password@]host:port` towards providers; HTTPS_PROXY, HTTP_PROXY and "
             "NO_PROXY of the environment when left out; `none` for none"},
    {"caFile", OPTION_TEXT, 0, AT(ca_file),
     .help = "PEM file of the authorities trusted for providers; the system's when left out"},
    {"fetchImages", OPTION_TEXTS, 0, AT(fetch_images),
     .help =
         "hosts from which weir fetches images and PDFs that a client names by their URL, where "
         "the provider wants the bytes, see [images](images.md); none when left out"},

    {"Providers", OPTION_SECTIONS, OPTION_CCR, AT(ccr.providers), .sub = &option_provider,
     .help = "as providers"},
    {"Router", OPTION_SECTION, OPTION_CCR, AT(ccr.router), .sub = &option_scenarios,
     .help = "as routing.scenarios"},
    {"fallback", OPTION_SECTION, OPTION_CCR, AT(ccr.fallback), .sub = &option_scenario_fallback,
     .help = "models to try for each scenario"},
    {"APIKEY", OPTION_SECRET, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr.api_key),
     .help = "one key all clients share; allowed in any file"},
    {"HOST", OPTION_TEXT, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr.host),
     .help = "the address of listen"},
    {"PORT", OPTION_U32, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr.port), "3456", 1, 65535,
     .help = "the port of listen"},
    {"PROXY_URL", OPTION_SECRET, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr.proxy_url),
     .help = "as proxy"},
    {"API_TIMEOUT_MS", OPTION_MSEC, OPTION_CCR | OPTION_EMPTY_OK, AT(ccr.api_timeout), NULL, 1,
     HOURS(24), .help = "as timeouts.total"},
    {"LOG", OPTION_BOOL, OPTION_CCR, AT(ccr.log), "true", .help = "false: log.access is off"},
    {"LOG_LEVEL", OPTION_TEXT, OPTION_CCR | OPTION_LATER | OPTION_EMPTY_OK, AT(ccr.log_level),
     .help = "as log.level"},
    CCR_IGNORED("transformers", "its JavaScript cannot run here"),
    CCR_IGNORED("CUSTOM_ROUTER_PATH", "its JavaScript cannot run here"),
    CCR_IGNORED("plugins", "its JavaScript cannot run here"),
    CCR_IGNORED("Plugins", "its JavaScript cannot run here"),
    CCR_IGNORED("REWRITE_SYSTEM_PROMPT", "system prompts are left as they are"),
    CCR_IGNORED("NON_INTERACTIVE_MODE", "set it in the agent's own environment"),
    CCR_IGNORED("CLAUDE_PATH", "set it in the environment of `weir code`"),
    CCR_IGNORED("ANTHROPIC_SMALL_FAST_MODEL", "set it in the agent's own environment"),
    CCR_IGNORED("forceUseImageAgent", "pictures go to the scenario `image` itself"),
    CCR_IGNORED("StatusLine", "there is no status line yet"),
};
#undef AT

const struct section option_root = {"", "The file", sizeof(struct raw_root), ROWS(root_rows)};
