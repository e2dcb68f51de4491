/* metric_docs > docs/metrics.md */
#include <stdio.h>
#include <stdlib.h>

#include "proto/metric/docs.h"

int main(void)
{
    metric_docs_write(stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
