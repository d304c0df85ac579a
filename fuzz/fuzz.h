/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz - the one entrance of every target: libFuzzer calls it with inputs of its making, main.c
 * with those that were kept. What must hold is CHECKed, so that both stop where it does not.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
