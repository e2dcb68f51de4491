/* collector/ingest/labels.h - what is said of a host so that others can mean it by it.
 *
 * Shape    one text, "role=web,site=sh": in the order of its keys, each key once; "" has none
 * Limits   LABELS_MAX of them, key and value 1..LABEL_PART_MAX letters, digits, '.', '_', '-', LABELS_TEXT_MAX bytes in
 *          all
 * Threads  pure
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { LABELS_MAX = 16, LABEL_PART_MAX = 63, LABELS_TEXT_MAX = 1023 };

struct host_label {
    char key[LABEL_PART_MAX + 1];
    char value[LABEL_PART_MAX + 1];
};

/* The next of a text that labels_change() has written: *at begins at its first byte. False: no more. */
bool labels_next(const char **at, struct host_label *ret);

/* Takes changes into a text: "role=db,site=" gives `role` a value and takes `site` away. -EINVAL: the text says what is
 * wrong; `labels` is as it was. */
int labels_change(char labels[LABELS_TEXT_MAX + 1], const char *changes, struct err *err);
