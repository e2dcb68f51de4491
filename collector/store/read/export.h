/* collector/store/read/export.h - ticks of one host as they were stored, page by page, read on the reader's thread. */
#pragma once
#include "collector/store/read/reader.h"
#include "collector/store/store.h"

/* As store_export() and store_export_series(). */
int export_page(struct reader *reader, const char *path, const struct store_export *query,
                void (*fn)(void *user, const struct store_export_page *result, const struct err *err), void *user,
                struct err *err);
int export_series(struct reader *reader, const char *path, const struct store_export *query,
                  void (*fn)(void *user, const struct store_export_series *result, const struct err *err), void *user,
                  struct err *err);
