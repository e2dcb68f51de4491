/* base/config_tree.h - a YAML text as a small tree that knows its lines; base/config.c reads it by tables.
 *
 * Shape    one document; mappings, lists and texts, children linked in the order of the file
 * Limits   nesting of CONFIG_TREE_DEPTH; anchors, aliases, tags, further documents and NUL bytes are refused
 * Owner    nodes and their texts are borrowed from the arena handed in
 * Threads  pure
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/config.h"

enum { CONFIG_TREE_DEPTH = 16 };

enum config_node_kind { CONFIG_NODE_TEXT, CONFIG_NODE_LIST, CONFIG_NODE_MAPPING };

struct config_node {
    enum config_node_kind kind;
    int line;         /* counts from 1 */
    bool quoted;      /* a text in quotes or a block: never a number, true, or null */
    const char *text; /* of a text: terminated; NULL otherwise */
    size_t len;
    const struct config_node *key;   /* of a mapping's child: the text before the colon */
    const struct config_node *first; /* children of a list or a mapping */
    const struct config_node *next;
    size_t n;
};

/* Nothing after the colon, "~" or "null". */
bool config_node_is_null(const struct config_node *node);

/* An empty text is an empty mapping. -EINVAL: `faults` says why; *ret_root is untouched. */
int config_tree_parse(const char *name, const char *text, size_t len, struct arena *arena,
                      const struct config_node **ret_root, struct config_faults *faults);
