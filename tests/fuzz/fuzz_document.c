/* An event's document: any text gives a whole document or faults; what is taken has one canonical text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event/document.h"
#include "collector/event/whom.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(int rc)
{
    if (rc < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct document document, again, given;
    static char text[DOCUMENT_TEXT_MAX + 1], second[DOCUMENT_TEXT_MAX + 1];
    struct config_faults faults = { .n = 0 };
    struct event event;
    if (document_parse("fuzz", (const char *)bytes, len, &document, &faults) < 0) {
        if (faults.n == 0)
            abort(); /* a refusal says why */
        return 0;
    }
    struct config_faults further = { .n = 0 }; /* what is given now is held to more, and taken alike */
    if (document_parse_given("fuzz", (const char *)bytes, len, &given, &further) < 0 ? further.n == 0
                                                                                     : given.n_contacts > WHOM_MAX)
        abort();
    must(document_event(&document, &event, NULL));
    if (document_write(&document, text, NULL) < 0)
        return 0; /* quotes make it longer than it may be */
    must(document_parse("fuzz", text, strlen(text), &again, &faults));
    must(document_write(&again, second, NULL));
    if (strcmp(text, second) != 0)
        abort();
    return 0;
}
