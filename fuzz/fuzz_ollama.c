/* SPDX-License-Identifier: Apache-2.0 */
/* Ollama's own API, a back: see dialect_fuzz.h. */
#include "dialect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_dialect(&dialect_ollama, data, size);
}
