#include "proto/metric/metric.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const struct metric catalogue[METRIC_COUNT] = {
#define METRIC(id, key_, unit_, exponent_, label_, description_, source_)                                              \
    [METRIC_##id] = { key_, unit_, exponent_, label_, description_, source_ },
#include "proto/metric/catalogue.h"
#undef METRIC
};

const struct metric *metric_get(enum metric_id id)
{
    assert((unsigned)id < METRIC_COUNT);
    return &catalogue[id];
}

const struct metric *metric_find(const char *key)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (strcmp(catalogue[i].key, key) == 0)
            return &catalogue[i];
    return NULL;
}

struct text {
    char *at;
    size_t size;
    size_t len;
};

static void put(struct text *text, const char *piece, size_t len)
{
    size_t room = text->size - 1 - text->len;
    if (len > room)
        len = room;
    memcpy(text->at + text->len, piece, len);
    text->len += len;
    text->at[text->len] = '\0';
}

static void put_attribute(struct text *text, bool first, const char *label, const char *value)
{
    put(text, first ? "{" : ",", 1);
    put(text, label, strlen(label));
    put(text, "=", 1);
    put(text, value, strlen(value));
}

/* Whether the attribute at `at`, "name=value", comes before one named `label`. */
static bool comes_before(const char *at, const char *label)
{
    size_t name = strcspn(at, "=");
    int order = strncmp(at, label, name);
    return order < 0 || (order == 0 && label[name] != '\0');
}

char *metric_series_text(char *text, size_t size, const char *key, const char *instance_label, const char *instance)
{
    assert(text && size > 0 && key && instance);
    struct text out = { .at = text, .size = size };
    text[0] = '\0';
    size_t name = strcspn(key, "{");
    put(&out, key, *instance ? name : strlen(key));
    if (!*instance)
        return text;

    const char *label = instance_label ? instance_label : "instance";
    bool placed = false;
    bool first = true;
    const char *at = key[name] ? key + name + 1 : key + name;
    while (*at && *at != '}') {
        if (!placed && !comes_before(at, label)) {
            put_attribute(&out, first, label, instance);
            placed = true;
            first = false;
        }
        size_t len = strcspn(at, ",}");
        put(&out, first ? "{" : ",", 1);
        put(&out, at, len);
        first = false;
        at += len + (at[len] == ',');
    }
    if (!placed)
        put_attribute(&out, first, label, instance);
    put(&out, "}", 1);
    return text;
}
