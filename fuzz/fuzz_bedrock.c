/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bedrock's dialects: see dialect_fuzz.h. Streams ('s' for Converse, 'i' for InvokeModel) are lines
 * of a message's type and its payload, which are framed here, for no chance finds a CRC; a '!' in
 * front makes an exception of it. fuzz_eventstream.c has the frames.
 */
#include "dialect_fuzz.h"

#include "http/eventstream.h"

static void fuzz_frames(const struct dialect *dialect, str lines)
{
    struct dialect_scratch scratch;
    struct buf b = BUF_INIT(FUZZ_TEXT);
    while (lines.n) {
        str payload = str_cut(&lines, '\n');
        bool fault = str_has_prefix(payload, STR("!"));
        str type = str_head(str_from(str_cut(&payload, ' '), fault), 64);
        size_t at = eventstream_begin(&b, fault ? EVENTSTREAM_EXCEPTION : EVENTSTREAM_EVENT, type);
        buf_add(&b, payload);
        eventstream_end(&b, at);
    }
    scratch_init(&scratch);
    if (!b.failed && buf_size(&b))
        fuzz_answer(dialect, buf_str(&b), true, &scratch);
    scratch_fini(&scratch);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = size ? str_of((const char *)data + 1, size - 1) : STR("");
    if (size && (data[0] == 's' || data[0] == 'i'))
        fuzz_frames(data[0] == 's' ? &dialect_bedrock : &dialect_bedrock_invoke, in);
    else if (size)
        return fuzz_dialect(&dialect_bedrock, data, size);
    return 0;
}
