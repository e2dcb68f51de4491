/* Three stages: base/config_tree.c turns the text into a tree that knows its lines, read_mapping() walks the tree
 * beside the table and fills a copy of the caller's struct, and only a copy without a fault goes back to the caller.
 * Nothing stops at the first fault: every reader below tells what it finds and lets the walk go on. */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/config_say.h"
#include "base/config_tree.h"
#include "base/moment.h"
#include "base/scan.h"

enum {
    FIELDS_MAX = 64,          /* of one table */
    SECRET_MAX = 64 * 1024,   /* bytes of an x_file */
    TREE_BYTES_MAX = 16 << 20 /* 1 MiB of text can spell hundreds of thousands of nodes; no config of ours does */
};

struct reading {
    const char *name;
    struct arena *arena;
    struct config_faults *faults;
};

static void out_of_memory(struct reading *r, int line)
{
    config_fault(r->faults, r->name, line, "the values take more memory than a file of this kind may");
}

/* ---- single values: false when the text does not fit the field ---- */

static bool in_range(const struct config_field *field, double value)
{
    return (field->least == 0 && field->most == 0) || (value >= field->least && value <= field->most);
}

static int choice_of(const struct config_field *field, const struct config_node *node)
{
    for (int i = 0; field->choices[i]; i++)
        if (strcmp(field->choices[i], node->text) == 0)
            return i;
    return -1;
}

static bool copy_text(struct reading *r, const struct config_field *field, const char *text, size_t len, int line,
                      void *at)
{
    if (field->most > 0 && !in_range(field, (double)len))
        return false;
    const char *copy = arena_text(r->arena, text, len);
    if (!copy)
        out_of_memory(r, line);
    memcpy(at, &copy, sizeof copy);
    return true;
}

static bool read_text(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    return copy_text(r, field, node->text, node->len, node->line, at);
}

static bool read_int(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    (void)r;
    struct scan scan = scan_over(node->text, node->len);
    int64_t value;
    if (node->quoted || !scan_i64(&scan, &value) || !scan_done(&scan) || !in_range(field, (double)value))
        return false;
    const char *digits = node->text + (node->text[0] == '-');
    if (digits[0] == '0' && digits[1]) /* 0600 is 384 to YAML 1.1 and 600 to YAML 1.2: ask */
        return false;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool read_real(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    (void)r;
    struct scan scan = scan_over(node->text, node->len);
    double value;
    if (node->quoted || !scan_real(&scan, &value) || !scan_done(&scan) || !in_range(field, value))
        return false;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool read_bool(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    (void)r, (void)field;
    bool value = strcmp(node->text, "true") == 0;
    if (node->quoted || (!value && strcmp(node->text, "false") != 0))
        return false;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool read_duration(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    (void)r;
    int64_t us;
    if (duration_parse(node->text, node->len, &us) < 0 || !in_range(field, (double)us))
        return false;
    memcpy(at, &us, sizeof us);
    return true;
}

static bool read_choice(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    (void)r;
    int value = choice_of(field, node);
    if (value < 0)
        return false;
    memcpy(at, &value, sizeof value);
    return true;
}

/* ---- lists: false when the list as a whole does not fit; a bad item is told here, with its own line ---- */

static bool read_flags(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    unsigned flags = 0;
    for (const struct config_node *item = node->first; item; item = item->next) {
        int choice = item->kind == CONFIG_NODE_TEXT ? choice_of(field, item) : -1;
        if (choice < 0)
            config_say_item_misfit(r->faults, r->name, field, item);
        else
            flags |= 1U << choice;
    }
    memcpy(at, &flags, sizeof flags);
    return true;
}

static bool read_texts(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    bool alone = node->kind == CONFIG_NODE_TEXT;
    struct config_texts texts = { .n = alone ? 1 : node->n };
    if (!in_range(field, (double)texts.n))
        return false;
    texts.at = arena_alloc(r->arena, texts.n, sizeof *texts.at);
    if (!texts.at) {
        out_of_memory(r, node->line);
        return true;
    }
    const struct config_node *item = alone ? node : node->first;
    for (size_t i = 0; i < texts.n; i++, item = item->next) {
        if (item->kind != CONFIG_NODE_TEXT || config_node_is_null(item))
            config_say_item_misfit(r->faults, r->name, field, item);
        else if (!(texts.at[i] = arena_text(r->arena, item->text, item->len)))
            out_of_memory(r, item->line);
    }
    memcpy(at, &texts, sizeof texts);
    return true;
}

static void read_mapping(struct reading *r, const struct config_field *fields, const struct config_node *mapping,
                         unsigned char *into);

static void read_item(struct reading *r, const struct config_field *list, const struct config_node *item,
                      unsigned char *into)
{
    if (item->kind != CONFIG_NODE_MAPPING) {
        config_say_item_misfit(r->faults, r->name, list, item);
        return;
    }
    if (list->item_defaults)
        memcpy(into, list->item_defaults, list->item_size);
    if (list->line_at > 0)
        memcpy(into + list->line_at - 1, &item->line, sizeof item->line);
    read_mapping(r, list->items, item, into);
}

static bool read_list(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    if (!in_range(field, (double)node->n))
        return false;
    unsigned char *items = arena_alloc(r->arena, node->n, field->item_size);
    if (!items) {
        out_of_memory(r, node->line);
        return true;
    }
    size_t i = 0;
    for (const struct config_node *item = node->first; item; item = item->next, i++)
        read_item(r, field, item, items + i * field->item_size);
    struct config_list list = { .n = node->n, .at = items };
    memcpy(at, &list, sizeof list);
    return true;
}

static bool read_struct(struct reading *r, const struct config_field *field, const struct config_node *node, void *at)
{
    read_mapping(r, field->items, node, at);
    return true;
}

static const struct kind {
    enum config_node_kind node;
    bool (*read)(struct reading *r, const struct config_field *field, const struct config_node *node, void *at);
} kinds[] = {
    [CONFIG_TEXT] = { CONFIG_NODE_TEXT, read_text },         [CONFIG_SECRET] = { CONFIG_NODE_TEXT, read_text },
    [CONFIG_INT] = { CONFIG_NODE_TEXT, read_int },           [CONFIG_REAL] = { CONFIG_NODE_TEXT, read_real },
    [CONFIG_BOOL] = { CONFIG_NODE_TEXT, read_bool },         [CONFIG_CHOICE] = { CONFIG_NODE_TEXT, read_choice },
    [CONFIG_DURATION] = { CONFIG_NODE_TEXT, read_duration }, [CONFIG_FLAGS] = { CONFIG_NODE_LIST, read_flags },
    [CONFIG_TEXTS] = { CONFIG_NODE_LIST, read_texts },       [CONFIG_LIST] = { CONFIG_NODE_LIST, read_list },
    [CONFIG_MAPPING] = { CONFIG_NODE_MAPPING, read_struct },
};

/* ---- files ---- */

/* Up to `room` bytes of a file. Positive: it holds more. Negative: -errno. */
static int read_whole(const char *path, char *bytes, size_t room, size_t *ret_len)
{
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return len == room;
}

/* A relative path counts from the folder of the file that names it, wherever the program was started. */
static void resolve(char path[PATH_MAX], const char *name, const char *given)
{
    const char *slash = strrchr(name, '/');
    if (given[0] == '/' || !slash)
        snprintf(path, PATH_MAX, "%s", given);
    else
        snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - name), name, given);
}

static void read_secret_file(struct reading *r, const struct config_field *field, const struct config_node *node,
                             void *at)
{
    if (node->kind != CONFIG_NODE_TEXT || node->len == 0 || config_node_is_null(node)) {
        config_fault(r->faults, r->name, node->line, "`%s_file` wants the path of a file", field->key);
        return;
    }
    char path[PATH_MAX];
    resolve(path, r->name, node->text);
    AUTO(auto_free) char *bytes = malloc(SECRET_MAX);
    if (!bytes) {
        out_of_memory(r, node->line);
        return;
    }
    size_t len = 0;
    int rc = read_whole(path, bytes, SECRET_MAX, &len);
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    if (rc < 0) {
        r->faults->n_files++;
        config_fault(r->faults, r->name, node->line, "`%s_file`: cannot read %s: %s", field->key, path,
                     strerrordesc_np(-rc));
    } else if (rc > 0 || len == 0 || memchr(bytes, '\0', len)) {
        config_fault(r->faults, r->name, node->line, "`%s_file`: %s holds no secret, want a text of 1 to %d bytes",
                     field->key, path, SECRET_MAX - 1);
    } else if (!copy_text(r, field, bytes, len, node->line, at)) {
        config_fault(r->faults, r->name, node->line, "`%s_file`: %s holds %zu bytes, want %.0f to %.0f", field->key,
                     path, len, field->least, field->most);
    }
    explicit_bzero(bytes, SECRET_MAX);
}

/* ---- mappings ---- */

static const struct config_field *find_field(const struct config_field *fields, const struct config_node *key,
                                             bool *ret_is_file)
{
    for (const struct config_field *field = fields; field->key; field++) {
        size_t len = strlen(field->key);
        if (strncmp(key->text, field->key, len) != 0)
            continue;
        *ret_is_file = field->kind == CONFIG_SECRET && strcmp(key->text + len, "_file") == 0;
        if (*ret_is_file || key->text[len] == '\0')
            return field;
    }
    return NULL;
}

static bool fits(const struct config_field *field, const struct config_node *node)
{
    bool alone = field->one_will_do && node->kind == CONFIG_NODE_TEXT;
    return (alone || node->kind == kinds[field->kind].node) && !config_node_is_null(node);
}

static void read_pair(struct reading *r, const struct config_field *fields, const struct config_node *pair,
                      int lines[FIELDS_MAX], unsigned char *into)
{
    bool is_file = false;
    const struct config_field *field = find_field(fields, pair->key, &is_file);
    if (!field) {
        config_say_unknown(r->faults, r->name, fields, pair->key);
        return;
    }
    if (field->kind == CONFIG_GONE) {
        config_fault(r->faults, r->name, pair->key->line, "`%s` %s", field->key, field->help);
        return;
    }
    int *line = &lines[field - fields];
    if (*line > 0) {
        config_fault(r->faults, r->name, pair->key->line, "`%s` is given again, line %d has it already%s", field->key,
                     *line, field->kind == CONFIG_SECRET ? ": want it or its _file, once" : "");
        return;
    }
    *line = pair->key->line;
    if (field->line_at > 0 && field->kind != CONFIG_LIST)
        memcpy(into + field->line_at - 1, line, sizeof *line);
    if (is_file)
        read_secret_file(r, field, pair, into + field->at);
    else if (!fits(field, pair) || !kinds[field->kind].read(r, field, pair, into + field->at))
        config_say_misfit(r->faults, r->name, field, pair);
}

static void read_mapping(struct reading *r, const struct config_field *fields, const struct config_node *mapping,
                         unsigned char *into)
{
    int lines[FIELDS_MAX] = { 0 }; /* where each field was given; 0: not yet */
    for (const struct config_node *pair = mapping->first; pair; pair = pair->next)
        read_pair(r, fields, pair, lines, into);
    for (const struct config_field *field = fields; field->key; field++) {
        assert(field - fields < FIELDS_MAX);
        if (field->required && lines[field - fields] == 0)
            config_say_missing(r->faults, r->name, mapping->line, field);
    }
}

int config_parse(const char *name, const char *text, size_t len, const struct config_field *fields, void *ret,
                 size_t ret_size, struct arena *arena, struct config_faults *faults)
{
    assert(name && fields && ret && arena && faults);
    if (len > CONFIG_FILE_MAX)
        return config_fault(faults, name, 0, "larger than %d bytes", CONFIG_FILE_MAX);
    AUTO(arena_done) struct arena scratch = { .limit_bytes = TREE_BYTES_MAX };
    const struct config_node *root;
    int rc = config_tree_parse(name, text, len, &scratch, &root, faults);
    if (rc < 0)
        return rc;
    if (root->kind != CONFIG_NODE_MAPPING)
        return config_fault(faults, name, root->line, "the file is not a mapping, want lines of `key: value`");

    struct reading r = { .name = name, .arena = arena, .faults = faults };
    size_t faults_before = faults->n;
    AUTO(auto_free) unsigned char *filled = malloc(ret_size);
    if (!filled)
        return config_fault(faults, name, 0, "out of memory");
    memcpy(filled, ret, ret_size);
    read_mapping(&r, fields, root, filled);
    if (faults->n > faults_before)
        return -EINVAL;
    memcpy(ret, filled, ret_size);
    return 0;
}

int config_read(const char *path, const struct config_field *fields, void *ret, size_t ret_size, struct arena *arena,
                struct config_faults *faults)
{
    assert(path && faults);
    AUTO(auto_free) char *text = malloc(CONFIG_FILE_MAX + 1);
    if (!text)
        return config_fault(faults, path, 0, "out of memory");
    size_t len = 0;
    int rc = read_whole(path, text, CONFIG_FILE_MAX + 1, &len);
    if (rc < 0) {
        faults->n_files++;
        return config_fault(faults, path, 0, "cannot read the file: %s", strerrordesc_np(-rc));
    }
    return config_parse(path, text, len, fields, ret, ret_size, arena, faults);
}
