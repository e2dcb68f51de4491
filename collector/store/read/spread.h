/* collector/store/read/spread.h - how values of one host's series are spread over a range, for reads that ask so. */
#pragma once
#include "collector/store/block/sketch.h"
#include "collector/store/read/match.h"
#include "collector/store/read/reading.h"
#include "collector/store/read/scan.h"

struct spread { /* zeroed: nothing to release */
    struct reading *reading;
    struct scan scan;
    sqlite3_stmt *rows; /* of a host's sketches */
    struct matches *matches;
    struct match_list list; /* of the host in hand, as the next two; all in `arena` */
    uint32_t room;
    struct sketch *sketches; /* by the list's numbers */
    struct arena arena;
    struct arena row_arena; /* of a row of sketches */
};

/* [from, to) as it is answered, and which days of it are read whole. */
struct spread_days {
    int64_t from_us, to_us;
    int64_t whole_from_us, whole_to_us;
};
struct spread_days spread_days_of(const struct reading *reading, int64_t from_us, int64_t to_us);

/* `matches` is borrowed. */
int spread_init(struct spread *spread, struct reading *reading, struct matches *matches, struct err *err);
void spread_done(struct spread *spread);

/* Fills spread->list and spread->sketches anew. */
int spread_host(struct spread *spread, uint64_t host, const struct spread_days *days, struct err *err);
