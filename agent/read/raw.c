#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/read/source.h"
#include "base/utf8.h"

enum { NAME_MAX_BYTES = 256, LABELS_MAX_BYTES = 4096, VALUE_MAX_BYTES = 1280 };

/* As Prometheus' text format wants it: \\, \", \n. */
static void escape(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; *from && n + 3 < size; from++) {
        if (*from == '\\' || *from == '"' || *from == '\n')
            to[n++] = '\\';
        to[n++] = *from == '\n' ? 'n' : *from;
    }
    to[n] = '\0';
}

void raw_emit(const struct raw *raw, double value, const struct raw_label *labels, size_t n_labels, const char *name,
              ...)
{
    char full_name[NAME_MAX_BYTES] = "node_";
    va_list args;
    va_start(args, name);
    vsnprintf(full_name + strlen("node_"), sizeof full_name - strlen("node_"), name, args);
    va_end(args);

    char text[LABELS_MAX_BYTES];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n_labels; i++) {
        char escaped[VALUE_MAX_BYTES];
        escape(escaped, sizeof escaped, labels[i].value);
        int n = snprintf(text + len, sizeof text - len, "%s%s=\"%s\"", i ? "," : "", labels[i].name, escaped);
        if (n > 0)
            len += (size_t)n;
        if (len >= sizeof text)
            return; /* three labels of the longest value still fit */
    }
    text[utf8_clean(text, len, text, len)] = '\0';
    raw->fn(raw->user, &(struct raw_reading){ full_name, text, value });
}
