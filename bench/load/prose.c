/* SPDX-License-Identifier: Apache-2.0 */
#include "prose.h"

#include <stdio.h>
#include <string.h>

static const char *const lines[] = {
    "static int reader_fill(struct reader *r, size_t want)\n{\n",
    "    if (r->len - r->pos >= want)\n        return 0;\n",
    "\tfor (size_t i = 0; i < table->used; i++) {\n\t\tif (strcmp(table->slot[i].name, name) == "
    "0)\n",
    "    fprintf(stderr, \"%s:%d: unexpected '%c' in \\\"%s\\\"\\n\", file, line, c, token);\n",
    "    raise ValueError(f\"expected {want!r}, got {have!r} in {path}\")\n",
    "def load_settings(path: str, *, strict: bool = True) -> dict[str, Any]:\n",
    "        return {key: value for key, value in pairs if not key.startswith(\"_\")}\n",
    "export const parseDuration = (text: string): number => {\n",
    "  const match = /^(\\d+(?:\\.\\d+)?)(ms|s|m|h)$/.exec(text.trim());\n",
    "  if (!match) throw new RangeError(`not a duration: \"${text}\"`);\n",
    "  await Promise.all(queue.map(async (job) => { await run(job); done += 1; }));\n",
    "diff --git a/src/config/parse.c b/src/config/parse.c\n@@ -118,7 +118,9 @@ parse_value\n",
    "-    return strtod(text, NULL);\n+    return number_parse(text, &value) ? value : NAN;\n",
    "2031-04-17T09:22:41.318Z INFO  worker=3 request done path=\"/v1/items\" status=200 ms=17.4\n",
    "2031-04-17T09:22:41.902Z WARN  worker=1 retrying after \"connection reset\" attempt=2\n",
    "FAILED tests/test_router.py::test_prefers_cheapest - AssertionError: 3 != 2\n",
    "  File \"/srv/app/router.py\", line 211, in choose\n    best = min(self.live, key=cost)\n",
    "The function reads the whole file before it checks the size, so a large input fills memory.\n",
    "Please keep the public interface as it is; only the storage behind it should change.\n",
    "I looked at both call sites. The second one never frees the buffer when `open` fails.\n",
    "| field | type | meaning |\n| --- | --- | --- |\n| `retries` | int | tries after the first "
    "|\n",
    "## What to do next\n\n1. Split the parser from the reader.\n2. Give each limit a name.\n",
    "- **Latency**: the median rose from 12\xc2\xa0ms to 31\xc2\xa0ms after the change.\n",
    "La conversion \xc3\xa9"
    "choue d\xc3\xa8s que le fichier contient des caract\xc3\xa8res accentu\xc3\xa9s.\n",
    "Der Schl\xc3\xbcssel wird gepr\xc3\xbc"
    "ft, bevor der K\xc3\xb6rper gelesen wird.\n",
    "\xe8\xa8\xad\xe5\xae\x9a\xe3\x83\x95\xe3\x82\xa1\xe3\x82\xa4\xe3\x83\xab\xe3\x82\x92\xe5\x86"
    "\x8d"
    "\xe8\xaa\xad\xe3\x81\xbf\xe8\xbe\xbc\xe3\x81\xbf\xe3\x81\x97\xe3\x81\xa6\xe3\x81\x8f\xe3\x81"
    "\xa0"
    "\xe3\x81\x95\xe3\x81\x84\xe3\x80\x82\n",
    "Result \xe2\x86\x92 14 passed, 1 failed \xf0\x9f\x94\xa7 (see `build/log/\xce\xb1-run.txt`)\n",
    "    {\"name\": \"orders\", \"columns\": [\"id\", \"customer\", \"total\"], \"rows\": "
    "48213},\n",
    "$ grep -rn \"TODO(limits)\" src/ | sort -t: -k1,1 | head -20\n",
    "C:\\Users\\build\\agent\\_work\\7\\s\\tools\\pack.ps1 : exit code 1\n",
    "}\n\n",
    "    return 0;\n}\n\n",
    "        # The cache is keyed by path and modification time, so a rename is a miss.\n",
    "\t\t\tcase STATE_VALUE: state = c == '\\\\' ? STATE_ESCAPE : STATE_VALUE; break;\n",
    "SELECT day, model, sum(input_tokens) AS input FROM usage WHERE day >= '2031-04-01' GROUP BY "
    "1, 2;\n",
    "curl -s -X POST \"$BASE/v1/jobs\" -H 'content-type: application/json' -d "
    "'{\"kind\":\"index\"}'\n",
    "When the queue is full the producer waits; it does not drop, because a lost job is not "
    "noticed.\n",
    "The test passes alone and fails in the suite, which points at state that the first test "
    "leaves.\n",
};

static const char *const tokens[] = {
    "I",       " looked",   " at",         " the",
    " parser", " and",      " found",      " two",
    " places", " where",    " a",          " length",
    " is",     " read",     " before",     " it",
    " is",     " checked",  ".",           "\\n\\n",
    "```c\\n", "if",        " (",          "len",
    " >",      " LIMIT",    ")",           "\\n    ",
    "return",  " -1",       ";",           "\\n```",
    "\\n\\n",  "The",       " first",      " one",
    " is",     " in",       " \\\"reader", ".c\\\"",
    ",",       " line",     " 118",        " \xe2\x80\x94",
    " the",    " other",    " is",         " reached",
    " only",   " when",     " the",        " configuration",
    " is",     " reloaded", ".",           " ",
};

static uint64_t next_random(uint64_t *seed)
{
    uint64_t x = *seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *seed = x;
}

/* The escape that JSON wants for `c`, or NULL. */
static const char *escape_of(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static size_t escaped_length(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += escape_of(*s) ? 2 : 1;
    return n;
}

static void add_escaped(struct text *t, const char *s)
{
    for (; *s; s++) {
        const char *escape = escape_of(*s);
        if (escape)
            text_puts(t, escape);
        else
            text_add(t, s, 1);
    }
}

void prose_add(struct text *t, size_t n, uint64_t *seed)
{
    size_t used = 0;
    for (;;) {
        const char *line = lines[next_random(seed) % (sizeof lines / sizeof lines[0])];
        size_t len = escaped_length(line);
        if (used + len > n)
            return;
        add_escaped(t, line);
        used += len;
    }
}

void prose_pad(struct text *t, size_t n)
{
    static const char words[] = "and then run the tests again to see that nothing else has moved; ";
    for (; n >= sizeof words - 1; n -= sizeof words - 1)
        text_add(t, words, sizeof words - 1);
    text_add(t, words, n);
}

const char *prose_token(unsigned i)
{
    return tokens[i % (sizeof tokens / sizeof tokens[0])];
}
