/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - how long a call will take for what is under way there, beside what the last ones took.
 *
 * The figures tell of calls that were sent a second ago. When a crowd comes, hundreds are sent
 * before the first of them is answered, all to the target that was the best: the cheapest one would
 * get a crowd that it cannot carry, until its times show it, and then nobody. So each answer is
 * kept with the load that its call found (reading.load), and times are read as those of that load:
 *
 *     up to what it has carried, or its fair share of all, and what chance adds    as they were
 *     beyond                                                                       longer by STEEP
 *                                                       times what is above it: nobody knows, yet
 *     where load has made it slow       in proportion to the load: with less it is as fast as usual
 *
 * The last line is as important as the second: times that are a second old are those of the crowd,
 * and who waits for better ones leaves the target to itself, and comes back all at once. Slow by
 * its load is who is slower than usual *and* has more under way than usual, by as much as both
 * agree; a provider that is slow by itself has no more calls than before, and is left.
 *
 * A fair share counts as carried, for who was called by nobody has shown nothing: with its own load
 * alone as the measure it would look full with seven calls, while the crowd is where the crowd is.
 *
 * What was rejected: time times calls under way (Finagle's peak EWMA), which takes an idle target
 * for a fast one and spreads calls over all prices in quiet times; and a learned capacity, which
 * says nothing until the target was overloaded once.
 *
 * Pure. No allocation.
 */
#pragma once
#include <stdint.h>

#include "route/figures.h"

/* Of what a call took by its figures, the share that it will take with so many attempts under way.
 * `fair`: as many as its share of all that are under way. Above 0; 1: what the figures say. */
double load_factor(const struct reading *r, uint32_t in_flight, double fair);
