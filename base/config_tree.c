/* libyaml hands out events; this file stacks them into a tree. A fault of form (an anchor, a tag) is told and the
 * building goes on, so that all of them are told at once; broken YAML ends it, because what follows would be guesses.
 */
#include "base/config_tree.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "base/auto.h"

struct builder {
    yaml_parser_t *yaml;
    const char *name;
    const char *text;
    struct arena *arena;
    struct config_faults *faults;
};

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int line_at(const char *text, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset; i++)
        line += text[i] == '\n';
    return line;
}

static int broken(struct builder *b)
{
    const yaml_parser_t *yaml = b->yaml;
    if (yaml->error == YAML_READER_ERROR) /* it knows only the byte; the later stages know only the line */
        return config_fault(b->faults, b->name, line_at(b->text, yaml->problem_offset), "not a text in UTF-8: %s",
                            yaml->problem);
    if (yaml->error == YAML_MEMORY_ERROR || !yaml->problem)
        return config_fault(b->faults, b->name, 0, "out of memory");
    return config_fault(b->faults, b->name, line_of(yaml->problem_mark), "broken YAML: %s%s%s", yaml->problem,
                        yaml->context ? " " : "", yaml->context ? yaml->context : "");
}

static int next_event(struct builder *b, yaml_event_t *ret)
{
    if (!yaml_parser_parse(b->yaml, ret) || ret->type == YAML_NO_EVENT)
        return broken(b);
    return 0;
}

static struct config_node *new_node(struct builder *b, enum config_node_kind kind, const yaml_event_t *event)
{
    struct config_node *node = arena_alloc(b->arena, 1, sizeof *node);
    if (!node) {
        config_fault(b->faults, b->name, line_of(event->start_mark), "more than can be held, want a smaller file");
        return NULL;
    }
    node->kind = kind;
    node->line = line_of(event->start_mark);
    return node;
}

static void refuse_marks(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    if (anchor)
        config_fault(b->faults, b->name, line_of(event->start_mark), "anchors (&) are not supported, write it out");
    if (tag)
        config_fault(b->faults, b->name, line_of(event->start_mark), "tags (!) are not supported, leave it out");
}

static struct config_node *build_text(struct builder *b, const yaml_event_t *event)
{
    refuse_marks(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    struct config_node *node = new_node(b, CONFIG_NODE_TEXT, event);
    if (!node)
        return NULL;
    const char *value = (const char *)event->data.scalar.value;
    node->len = event->data.scalar.length;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(value, '\0', node->len)) /* "\0" in quotes: a C string would end there unnoticed */
        config_fault(b->faults, b->name, node->line, "a text holds a NUL byte, want it without");
    node->text = arena_text(b->arena, value, node->len);
    if (!node->text) {
        config_fault(b->faults, b->name, node->line, "more than can be held, want a smaller file");
        return NULL;
    }
    return node;
}

static struct config_node *build(struct builder *b, const yaml_event_t *event, int depth);

static struct config_node *build_next(struct builder *b, int depth)
{
    AUTO(yaml_event_delete) yaml_event_t event = { .type = YAML_NO_EVENT };
    if (next_event(b, &event) < 0)
        return NULL;
    return build(b, &event, depth);
}

/* One child of a list or one pair of a mapping, which begins with `event`. */
static struct config_node *build_child(struct builder *b, const struct config_node *parent, const yaml_event_t *event,
                                       int depth)
{
    struct config_node *child = build(b, event, depth);
    if (!child || parent->kind != CONFIG_NODE_MAPPING)
        return child;
    const struct config_node *key = child;
    if (key->kind != CONFIG_NODE_TEXT)
        config_fault(b->faults, b->name, key->line, "a list or a mapping stands where a key belongs, want a name");
    child = build_next(b, depth);
    if (child)
        child->key = key;
    return child;
}

static struct config_node *build_children(struct builder *b, struct config_node *parent, yaml_event_type_t end,
                                          int depth)
{
    const struct config_node **tail = &parent->first;
    if (depth == CONFIG_TREE_DEPTH) {
        config_fault(b->faults, b->name, parent->line, "nested deeper than %d levels", CONFIG_TREE_DEPTH);
        return NULL;
    }
    for (;;) {
        AUTO(yaml_event_delete) yaml_event_t event = { .type = YAML_NO_EVENT };
        if (next_event(b, &event) < 0)
            return NULL;
        if (event.type == end)
            return parent;
        struct config_node *child = build_child(b, parent, &event, depth + 1);
        if (!child)
            return NULL;
        *tail = child;
        tail = &child->next;
        parent->n++;
    }
}

/* NULL: a fault was told and there is no going on. */
static struct config_node *build(struct builder *b, const yaml_event_t *event, int depth)
{
    struct config_node *node;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return build_text(b, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        node = new_node(b, CONFIG_NODE_LIST, event);
        return node ? build_children(b, node, YAML_SEQUENCE_END_EVENT, depth) : NULL;
    case YAML_MAPPING_START_EVENT:
        refuse_marks(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        node = new_node(b, CONFIG_NODE_MAPPING, event);
        return node ? build_children(b, node, YAML_MAPPING_END_EVENT, depth) : NULL;
    case YAML_ALIAS_EVENT:
        config_fault(b->faults, b->name, line_of(event->start_mark), "aliases (*) are not supported, write it out");
        node = new_node(b, CONFIG_NODE_TEXT, event);
        if (node)
            node->text = "";
        return node;
    default:
        config_fault(b->faults, b->name, line_of(event->start_mark), "broken YAML");
        return NULL;
    }
}

bool config_node_is_null(const struct config_node *node)
{
    return node->kind == CONFIG_NODE_TEXT && !node->quoted &&
           (node->len == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* NULL: a fault was told. */
static const struct config_node *build_document(struct builder *b)
{
    AUTO(yaml_event_delete) yaml_event_t opening = { .type = YAML_NO_EVENT };
    AUTO(yaml_event_delete) yaml_event_t start = { .type = YAML_NO_EVENT };
    AUTO(yaml_event_delete) yaml_event_t end = { .type = YAML_NO_EVENT };
    AUTO(yaml_event_delete) yaml_event_t after = { .type = YAML_NO_EVENT };
    if (next_event(b, &opening) < 0 || next_event(b, &start) < 0)
        return NULL;
    if (start.type == YAML_STREAM_END_EVENT)
        return new_node(b, CONFIG_NODE_MAPPING, &start);
    const struct config_node *root = build_next(b, 0);
    if (!root || next_event(b, &end) < 0 || next_event(b, &after) < 0)
        return NULL;
    if (after.type != YAML_STREAM_END_EVENT) {
        config_fault(b->faults, b->name, line_of(after.start_mark), "a second document begins here, want one a file");
        return NULL;
    }
    return config_node_is_null(root) ? new_node(b, CONFIG_NODE_MAPPING, &start) : root;
}

int config_tree_parse(const char *name, const char *text, size_t len, struct arena *arena,
                      const struct config_node **ret_root, struct config_faults *faults)
{
    yaml_parser_t yaml;
    if (!yaml_parser_initialize(&yaml))
        return config_fault(faults, name, 0, "out of memory");
    yaml_parser_set_input_string(&yaml, (const unsigned char *)text, len);
    struct builder b = { .yaml = &yaml, .name = name, .text = text, .arena = arena, .faults = faults };
    size_t faults_before = faults->n;
    const struct config_node *root = build_document(&b);
    yaml_parser_delete(&yaml);
    if (faults->n > faults_before)
        return -EINVAL;
    *ret_root = root;
    return 0;
}
