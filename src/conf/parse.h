/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - configuration text to tree: YAML through libyaml, JSON with comments through our own
 * reader. Which of the two is told by the first character that is no blank and no comment: '{' is
 * JSON, since a configuration's top is a map. (JSON is nearly YAML, but YAML knows no line comments
 * with slashes, no tabs, and libyaml's marks are worse inside of flow text.)
 *
 * Both refuse at the first fault, with its place and the mend; RC_CONFIG, or RC_NOMEM.
 */
#pragma once
#include "conf/node.h"

enum rc conf_parse(struct arena *a, str text, struct conf_report *report,
                   struct conf_node **ret) MUST_CHECK;

/* yaml.c, jsonc.c: what conf_parse chooses from. The text is valid UTF-8. */
enum rc conf_parse_yaml(struct conf_tree *t, str text) MUST_CHECK;
enum rc conf_parse_json(struct conf_tree *t, str text) MUST_CHECK;
