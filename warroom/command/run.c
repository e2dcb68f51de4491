#include "warroom/command/run.h"

#include <stddef.h>
#include <string.h>

run_fn *run_find(const char *control)
{
    static const struct {
        const char *control;
        run_fn *run;
    } runs[] = {
        { "backup", run_backup },
        { "export", run_export },
        { "import", run_import },
        { "ledger export", run_ledger_export },
        { "ledger verify", run_ledger_verify },
        { "rehearse", run_rehearse },
        { "rule test", run_rule_test },
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        if (strcmp(runs[i].control, control) == 0)
            return runs[i].run;
    return NULL;
}
