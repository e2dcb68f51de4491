/* warroom/command/exchange.h - one question to the collector, its answer whole: lists that come in pages are put
 * together. */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "warroom/command/command.h"

#define EXCHANGE_TIMEOUT_US (INT64_C(40) * 1000000) /* longer than a contact's test by mail may take, 30 s */
enum { EXCHANGE_PAGES_MAX = 4096 };                 /* of 256 KiB: 1 GiB of answer is somebody's mistake */

/* On 0 *ret_data is the caller's. -EINVAL: the collector did not understand the request; others: it could not be asked,
 * or it refused. The text says what to do. */
int exchange(const struct collector_line *line, const char *path, const char *verb, const json_t *args,
             json_t **ret_data, struct err *err);

/* One page of an answer: `next` NULL is the first one. *ret_next is NULL behind the last one. Both results are the
 * caller's. -EAGAIN: the collector is busy, try again. */
int exchange_page(const struct collector_line *line, const char *path, const char *verb, const json_t *args,
                  json_t *next, json_t **ret_data, json_t **ret_next, struct err *err);
