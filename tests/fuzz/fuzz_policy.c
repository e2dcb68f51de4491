/* An escalation's text: any text gives a whole policy or says why not; what is taken has one canonical text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/page/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct page_policy policy, again;
    struct err err = { .text = "" };
    char text[PAGE_POLICY_TEXT_MAX + 1], second[PAGE_POLICY_TEXT_MAX + 1];
    if (page_policy_parse((const char *)bytes, len, &policy, &err) < 0) {
        if (!err.text[0])
            abort(); /* a refusal says why */
        return 0;
    }
    if (page_policy_text(&policy, text, NULL) < 0 || page_policy_parse(text, strlen(text), &again, NULL) < 0 ||
        page_policy_text(&again, second, NULL) < 0 || strcmp(text, second) != 0)
        abort();
    return 0;
}
