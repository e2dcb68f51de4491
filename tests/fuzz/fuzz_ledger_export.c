/* Any bytes as an export of a ledger, cut into pieces where the first byte says: the verdict is the same as in one
 * piece, and whole it is only if writing what was read makes the very same bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/ledger/export.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct ledger_export *export, const uint8_t *data, size_t size, size_t step)
{
    ledger_export_begin(export, NULL, NULL);
    for (size_t at = 0; at < size; at += step)
        ledger_export_take(export, data + at, size - at < step ? size - at : step);
    ledger_export_end(export);
}

static void must_be_what_was_written(const struct ledger_export *export, const uint8_t *data, size_t size)
{
    uint8_t start[LEDGER_EXPORT_START];
    ledger_export_start(start, &export->key, &export->head);
    if (size < sizeof start || memcmp(start, data, sizeof start) != 0 || export->check.n != export->head.n ||
        memcmp(&export->check.hash, &export->head.hash, sizeof export->check.hash) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ledger_export whole, pieces;
    char text[LEDGER_FAULT_TEXT];
    if (size < 1)
        return 0;
    check(&whole, data + 1, size - 1, size);
    check(&pieces, data + 1, size - 1, 1 + (size_t)data[0]);
    if (whole.check.fault != pieces.check.fault || whole.check.n != pieces.check.n ||
        whole.check.at != pieces.check.at || whole.check.found != pieces.check.found)
        abort();
    if (whole.check.fault == LEDGER_WHOLE)
        must_be_what_was_written(&whole, data + 1, size - 1);
    if (strlen(ledger_fault_print(text, &whole.check)) == 0 && whole.check.fault != LEDGER_WHOLE)
        abort();
    return 0;
}
