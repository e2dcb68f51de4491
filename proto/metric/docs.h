/* proto/metric/docs.h - the catalogue as a page for people: docs/metrics.md. */
#pragma once
#include <stdio.h>

/* Writes the whole page. */
void metric_docs_write(FILE *out);
