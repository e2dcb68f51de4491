/* collector/store/read/lookup.h - what is stored of one run, read on the reader's thread. */
#pragma once
#include "collector/store/read/reader.h"
#include "collector/store/store.h"

/* As store_find_run(). */
int lookup_run(struct reader *reader, const char *path, uint64_t tenant, uint64_t host, const struct run_id *run,
               void (*fn)(void *user, const struct store_run *result, const struct err *err), void *user,
               struct err *err);
