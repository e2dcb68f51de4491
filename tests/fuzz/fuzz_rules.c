/* The rule file: any text gives whole rules or faults, and what is taken can be watched by. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "collector/watch/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct rule rules[RULES_MAX];
    struct config_faults faults = { .n = 0 };
    struct watch *watch = NULL;
    size_t n = 0;
    if (rules_parse("fuzz", (const char *)bytes, len, rules, &n, NULL, &faults) < 0) {
        if (faults.n == 0)
            abort(); /* a refusal says why */
        return 0;
    }
    if (n == 0 || n > RULES_MAX || watch_new(&watch, rules, n, NULL) < 0)
        abort();
    watch_free(watch);
    return 0;
}
