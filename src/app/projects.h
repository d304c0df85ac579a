/* SPDX-License-Identifier: Apache-2.0 */
/*
 * projects - which session of Claude Code belongs to which project, and what changed in the folder
 * of their routing (conf/build_projects.c).
 *
 * Claude Code writes each conversation to ~/.claude/projects/<project>/<session>.jsonl, and that is
 * the only place where the two are tied: claude-code-router looked through all of those folders on
 * a call's way. Here the main thread does, each PROJECTS_LOOK_MS, and only through the folders of
 * projects that have a routing of their own, and only when one has changed. What it finds goes into
 * a table that workers read (gate/sessions.h). So a new session's first call may still go by the
 * configuration's own scenarios; no call ever waits for a disk.
 */
#pragma once
#include "conf/snapshot.h"

#define PROJECTS_LOOK_MS 1000

struct process;

struct projects {
    uint64_t routing;                 /* stands for the files of the folder as they were */
    uint64_t seen[CONF_PROJECTS_MAX]; /* … and for each project's folder of sessions */
    bool started;
};

/* A look at both; what changed is taken in. Called each PROJECTS_LOOK_MS on the main thread. */
void projects_look(struct process *p);
/* A new generation: all its projects' folders are read again. */
void projects_follow(struct process *p);
