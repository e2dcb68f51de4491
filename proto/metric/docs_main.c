/* The build target metric_docs writes docs/metrics.md with it. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/metric/docs.h"

int main(void)
{
    metric_docs_write(stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
