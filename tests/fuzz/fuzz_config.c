/* Any bytes as a config file: a struct is filled whole, or not touched and the faults say why. */
#include "base/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct item {
    const char *name;
    int64_t port;
    int line;
    struct config_texts tags;
};

struct settings {
    const char *text;
    const char *secret;
    int64_t integer;
    double real;
    bool flag;
    int64_t duration_us;
    int choice;
    unsigned flags;
    struct config_texts texts;
    struct config_list items;
    struct item item;
};

static const char *const choices[] = { "one", "two", "three", NULL };
static const struct item item_defaults = { .port = 80 };

static const struct config_field item_fields[] = {
    { .key = "name", .kind = CONFIG_TEXT, .at = offsetof(struct item, name), .required = true },
    { .key = "port", .kind = CONFIG_INT, .at = offsetof(struct item, port), .least = 1, .most = 65535 },
    { .key = "tags", .kind = CONFIG_TEXTS, .at = offsetof(struct item, tags), .most = 3 },
    { .key = NULL },
};

static const struct config_field fields[] = {
    { .key = "text", .kind = CONFIG_TEXT, .at = offsetof(struct settings, text), .least = 1, .most = 63 },
    { .key = "secret", .kind = CONFIG_SECRET, .at = offsetof(struct settings, secret) },
    { .key = "integer", .kind = CONFIG_INT, .at = offsetof(struct settings, integer) },
    { .key = "real", .kind = CONFIG_REAL, .at = offsetof(struct settings, real), .least = -1, .most = 1e9 },
    { .key = "flag", .kind = CONFIG_BOOL, .at = offsetof(struct settings, flag) },
    { .key = "duration", .kind = CONFIG_DURATION, .at = offsetof(struct settings, duration_us) },
    { .key = "choice", .kind = CONFIG_CHOICE, .at = offsetof(struct settings, choice), .choices = choices },
    { .key = "flags", .kind = CONFIG_FLAGS, .at = offsetof(struct settings, flags), .choices = choices },
    { .key = "texts", .kind = CONFIG_TEXTS, .at = offsetof(struct settings, texts), .one_will_do = true },
    { .key = "items",
      .kind = CONFIG_LIST,
      .at = offsetof(struct settings, items),
      .items = item_fields,
      .item_size = sizeof(struct item),
      .item_defaults = &item_defaults,
      .line_at = 1 + offsetof(struct item, line) },
    { .key = "item", .kind = CONFIG_MAPPING, .at = offsetof(struct settings, item), .items = item_fields },
    { .key = NULL },
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_filled(const struct settings *got)
{
    require(!got->text || (strlen(got->text) >= 1 && strlen(got->text) <= 63));
    require(got->real >= -1 && got->real <= 1e9);
    require(got->choice >= 0 && got->choice < 3 && got->flags < 8);
    for (size_t i = 0; i < got->texts.n; i++)
        require(strlen(got->texts.at[i]) <= CONFIG_FILE_MAX);
    const struct item *items = got->items.at;
    for (size_t i = 0; i < got->items.n; i++)
        require(items[i].name && items[i].port >= 1 && items[i].port <= 65535 && items[i].line >= 1 &&
                items[i].tags.n <= 3);
}

static void check_faults(const struct config_faults *faults)
{
    require(faults->n > 0);
    for (size_t i = 0; i < faults->n && i < CONFIG_FAULTS_MAX; i++)
        require(strncmp(faults->at[i].text, "fuzz.yaml:", 10) == 0 && faults->at[i].code < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memmem(data, size, "_file", 5)) /* would open what the input names */
        return 0;
    struct config_faults faults = { .n = 0 };
    struct arena arena;
    union {
        struct settings settings;
        uint8_t bytes[sizeof(struct settings)];
    } got = { .bytes = { 0 } };
    static const uint8_t untouched[sizeof got];
    arena_init(&arena, 4 << 20);
    if (config_parse("fuzz.yaml", (const char *)data, size, fields, &got, sizeof got, &arena, &faults) == 0) {
        require(faults.n == 0);
        check_filled(&got.settings);
    } else {
        require(memcmp(got.bytes, untouched, sizeof untouched) == 0);
        check_faults(&faults);
    }
    arena_done(&arena);
    return 0;
}
