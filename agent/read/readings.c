#include "agent/read/readings.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void readings_clear(struct readings *readings)
{
    readings->n = 0;
    readings->dropped = 0;
    readings->text_len = 0;
}

void readings_done(struct readings *readings)
{
    free(readings->text);
    readings->text = NULL;
    readings->text_size = 0;
    readings_clear(readings);
}

/* Makes room for one more instance. Doubles, so a host's steady shape soon needs no more. */
static bool make_room(struct readings *readings)
{
    size_t need = readings->text_len + INSTANCE_MAX + 1;
    if (need <= readings->text_size)
        return true;
    size_t size = readings->text_size ? readings->text_size * 2 : 4096;
    if (size < need)
        size = need;
    char *text = realloc(readings->text, size);
    if (!text)
        return false;
    readings->text = text;
    readings->text_size = size;
    return true;
}

/* Whether the row before has this very instance: rows of a device stand together and share its text. */
static bool same_as_before(const struct readings *readings, const char *clean, size_t len)
{
    if (readings->n == 0)
        return false;
    const char *last = readings->text + readings->at[readings->n - 1].instance_at;
    return strncmp(last, clean, len) == 0 && last[len] == '\0';
}

void readings_add(struct readings *readings, enum metric_id metric, const char *instance, double value)
{
    assert(readings && instance && (unsigned)metric < METRIC_COUNT);
    if (readings->n == SERIES_MAX || !make_room(readings)) {
        readings->dropped++;
        return;
    }
    char *clean = readings->text + readings->text_len;
    size_t len = utf8_clean(clean, INSTANCE_MAX, instance, strlen(instance));
    clean[len] = '\0';
    uint32_t at = (uint32_t)readings->text_len;
    if (same_as_before(readings, clean, len))
        at = readings->at[readings->n - 1].instance_at;
    else
        readings->text_len += len + 1;
    readings->at[readings->n++] = (struct reading){ metric, at, value };
}

const char *readings_instance(const struct readings *readings, size_t row)
{
    assert(row < readings->n);
    return readings->text + readings->at[row].instance_at;
}
