/* SPDX-License-Identifier: Apache-2.0 */
/*
 * models - the catalogue of models the process goes by: the built-in one.
 */
#pragma once
#include "price/catalogue.h"

/* One reference. Never NULL: it is part of the program, and without memory for its index at
 * start-up the process ends. */
struct catalogue *models_built_in(void);
